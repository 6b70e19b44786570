/** Volumes made beforehand on the disk of the first node, for claims of the default StorageClass. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ON_NODE, type NodeLayout } from './layout.ts';

/** A volume is given once: an installation that is deleted leaves its two with what is on them. */
const COUNT = 16;
const NAMES = Array.from({ length: COUNT }, (_, i) => `lab-${i + 1}`);

/** Makes the folders of the volumes, which any user may write: claims come with users of their own. */
export function makeVolumeFolders(node: NodeLayout): void {
  for (const name of NAMES) {
    const folder = join(node.folders[ON_NODE.volumes] ?? '', name);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
  }
}

/** PersistentVolumes (v1) for those folders; they hold what they hold, whatever size is asked. */
export function volumeManifests(node: NodeLayout): object[] {
  return NAMES.map((name) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '20Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local',
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path: join(ON_NODE.volumes, name) },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node.name] }] },
          ],
        },
      },
    },
  }));
}
