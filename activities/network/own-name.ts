/**
 * Plugins find an interface by its name. One that a program in the pod renamed gets its name back for as long as they need it; a link that
 * has that name meanwhile steps aside, and is put back afterwards (ADR 36). Whatever was moved when a worker was killed, the next attempt
 * finds by its index, or under the name for what stepped aside.
 */
import { findOwnLink } from '../../domain/cni/own-link.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { LinkView } from '../../domain/vxlan/link-observation.ts';
import type { IdentifiedNetns, LinkCommand } from '../../domain/ports/link-kernel.ts';
import type { LinkResult } from '../../domain/records.ts';
import type { CniDeps } from './deps.ts';

type NameDeps = Pick<CniDeps, 'kernel' | 'temporaryName'>;

export interface NamedAttachment {
  readonly podUid: string;
  readonly interfaceName: string;
  /** Undefined: nobody knows what was made. */
  readonly made: LinkResult | undefined;
}

/**
 * Runs `work` with the path of a netns in which nothing but the attachment's own link has its name; an empty path where that link is gone
 * and another one has the name, so that it stays.
 */
export async function underOwnName(
  deps: NameDeps,
  netns: IdentifiedNetns,
  attachment: NamedAttachment,
  work: (netnsPath: string) => Promise<void>,
): Promise<void> {
  const { interfaceName, made } = attachment;
  const asideName = asideNameOf(deps, attachment);
  const { links } = await deps.kernel.observe(netns);
  const { own, other } = findOwnLink(links, interfaceName, made);
  if (own === undefined && other !== undefined) return work('');
  const renamed = own === undefined || own.name === interfaceName ? undefined : own;
  // By a worker that was killed.
  const isAside = links.some(({ name }) => name === asideName);
  if (renamed !== undefined) await giveName(deps, netns, attachment, { own: renamed, other });
  try {
    await work(netns.identity.path);
  } catch (error) {
    // Why DEL failed is what people have to know; the next attempt puts back what this one could not.
    if (renamed !== undefined || isAside) await putBack(deps, netns, attachment, renamed).catch(() => undefined);
    throw error;
  }
  if (renamed !== undefined || isAside) await putBack(deps, netns, attachment, renamed);
}

const asideNameOf = ({ temporaryName }: NameDeps, { podUid, interfaceName }: NamedAttachment): string =>
  temporaryName(podUid, `${interfaceName}/aside`);

/** Gives a link of a pod another name. Before Linux 6.2 one that is up has to go down for that. */
export async function renameLink(
  { kernel }: Pick<NameDeps, 'kernel'>,
  netns: IdentifiedNetns,
  { name, up }: LinkView,
  to: string,
): Promise<void> {
  const rename: LinkCommand = { op: 'rename', name, to };
  try {
    await kernel.execute(netns, [rename]);
  } catch (error) {
    if (!up || !(error instanceof PodwireError) || error.code !== 'KernelBusy') throw error;
    await kernel.execute(netns, [{ op: 'set-down', name }, rename, { op: 'set-up', name: to }]);
  }
}

async function giveName(
  deps: NameDeps,
  netns: IdentifiedNetns,
  attachment: NamedAttachment,
  { own, other }: { readonly own: LinkView; readonly other: LinkView | undefined },
): Promise<void> {
  const { interfaceName: name, made } = attachment;
  if (other !== undefined) await renameLink(deps, netns, other, asideNameOf(deps, attachment));
  await renameLink(deps, netns, own, name);
  // Whoever took the interface over took its addresses off, and bridge finds the rules of its ipMasq by them.
  await deps.kernel.execute(
    netns,
    missingAddresses(own, made).map((cidr): LinkCommand => ({ op: 'add-address', name, cidr })),
  );
}

function missingAddresses({ addresses }: LinkView, made: LinkResult | undefined): string[] {
  const have = new Set(addresses.map(({ cidr }) => cidr));
  return (made?.addresses ?? []).filter((cidr) => !have.has(cidr));
}

/** @param before the attachment's link as it was when it got its name; it is there still where DEL failed */
async function putBack(
  deps: NameDeps,
  netns: IdentifiedNetns,
  attachment: NamedAttachment,
  before: LinkView | undefined,
): Promise<void> {
  const { interfaceName, made } = attachment;
  const { links } = await deps.kernel.observe(netns);
  const aside = links.find(({ name }) => name === asideNameOf(deps, attachment));
  if (aside === undefined) return;
  const { own, other } = findOwnLink(links, interfaceName, made);
  if (other !== undefined) return;
  if (own?.name === interfaceName) {
    // By a worker that was killed: what it was called before, nobody knows.
    if (before === undefined) return;
    await deps.kernel.execute(
      netns,
      missingAddresses(before, made).map((cidr): LinkCommand => ({ op: 'remove-address', name: interfaceName, cidr })),
    );
    await renameLink(deps, netns, own, before.name);
  }
  await renameLink(deps, netns, aside, interfaceName);
}
