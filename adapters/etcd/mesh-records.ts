/** What is recorded of meshes, for those who bring them in line and for those who look. */
import { meshStateKey } from '../../domain/keys.ts';
import { withoutNode } from '../../domain/forwarding/mesh-record.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { MeshRecord, Stored } from '../../domain/records.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { Etcd } from './client.ts';
import { putOperation, unchanged } from './record-entries.ts';
import { meshSchema, parseEntry } from './schemas.ts';

/** Nodes that come back together all write the same few keys; the next resync tries again. */
const MAX_ATTEMPTS = 8;

/** One that cannot be read counts as none: nothing depends on it, and the next mesh run writes it anew. */
export async function readMesh(etcd: Etcd, network: NetworkRef): Promise<Stored<MeshRecord> | undefined> {
  const entry = await etcd.get(meshStateKey(network));
  if (entry === undefined) return undefined;
  try {
    return { key: entry.key, value: parseEntry(meshSchema, entry), modRevision: entry.modRevision };
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'RecordInvalid') return undefined;
    throw error;
  }
}

/** As `NodeStore.caughtUp`. */
export async function caughtUp(etcd: Etcd, network: NetworkRef, node: string, write: string): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const stored = await readMesh(etcd, network);
    if (stored === undefined || stored.value.recordedAt !== write || !stored.value.behind.includes(node)) return;
    const { applied } = await etcd.transact(
      [unchanged(stored)],
      [putOperation(stored.key, withoutNode(stored.value, node))],
    );
    if (applied) return;
  }
}
