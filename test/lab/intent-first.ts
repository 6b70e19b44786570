/** IntentFirst: there is no link of ours without a record, at any moment. */
import { linksIn, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { pathOnHost, type Lab } from '../../deploy/lab/lab.ts';
import { temporaryName } from '../../adapters/host/temporary-name.ts';
import { ownerOf } from '../../domain/vxlan/link-alias.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { podNamespaces } from './pod-namespaces.ts';
import { readKeys } from './records.ts';

/**
 * One look, also in the middle of an attach or detach and while podwire is dead.
 *
 * @throws Error `IntentFirst …`
 */
export async function intentFirst(lab: Lab): Promise<void> {
  const before = await recordedLinks(lab);
  const seen = await Promise.all(
    podNamespaces(lab).map(async (netns) => ({ netns, links: await linksIn(netns).catch(() => []) })),
  );
  // A record written and removed between the two reads is no case: a link is seen for longer than that.
  const known = new Set([...before, ...(await recordedLinks(lab))]);
  const orphans = seen.flatMap(({ netns, links }) =>
    links
      .filter((link) => link.kind === 'vxlan' && !keysOf(netns, link).some((key) => known.has(key)))
      .map((link) => `  - ${netns}: ${link.name} (alias ${link.alias ?? 'none'}) has no record`),
  );
  if (orphans.length > 0) throw new Error(`IntentFirst does not hold:\n${orphans.join('\n')}`);
}

/** The exec backend's records name no netns; its links say whose they are, by their alias or by a name made for one pod. */
const keysOf = (netns: string, { name, alias }: SeenLink): string[] => [
  `${netns} ${name}`,
  `${ownerOf(alias)?.podUid ?? ''} ${name}`,
  name,
];

async function recordedLinks(lab: Lab): Promise<string[]> {
  const records = (await readKeys(lab, '/podwire/attachments/')).map(({ value }) => value as AttachmentRecord);
  return records.flatMap(({ node, netns, podUid, interfaceName, agent }) => [
    ...(agent === undefined
      ? [interfaceName, temporaryName(podUid, interfaceName)].map(
          (link) => `${pathOnHost(lab, node, netns.path)} ${link}`,
        )
      : [`${podUid} ${interfaceName}`, temporaryName(podUid, interfaceName)]),
  ]);
}
