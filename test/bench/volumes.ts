/** The lab's volumes as if nobody had used them. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl, pathOnHost, type Lab } from '../../deploy/lab/lab.ts';
import { ON_NODE } from '../../deploy/lab/layout.ts';

interface Volume {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly phase?: string };
}

/** Empties the volumes that no claim has any more and offers them to the next; their pods are gone. */
export async function emptyVolumes(lab: Lab): Promise<void> {
  const { items } = JSON.parse(await kubectl(lab, ['get', 'persistentvolumes', '-o', 'json'])) as { items: Volume[] };
  for (const { metadata, status } of items) {
    if (status?.phase !== 'Released') continue;
    const folder = pathOnHost(lab, 'n1', join(ON_NODE.volumes, metadata.name));
    for (const entry of readdirSync(folder)) rmSync(join(folder, entry), { recursive: true, force: true });
    const patch = JSON.stringify([{ op: 'remove', path: '/spec/claimRef' }]);
    await kubectl(lab, ['patch', 'persistentvolume', metadata.name, '--type=json', '-p', patch]);
  }
}
