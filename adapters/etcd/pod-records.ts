/** All that is recorded of one pod. */
import * as keys from '../../domain/keys.ts';
import type { PodRecords } from '../../domain/ports/record-store.ts';
import type { Etcd } from './client.ts';
import { parseOptional, storedAttachment } from './record-entries.ts';
import { failureSchema, parseEntry, refusalSchema, sandboxSchema } from './schemas.ts';

/** One call of etcd, two where the pod has records of more than one node. @param node the pod's, or '' */
export const readPod = (etcd: Etcd, podUid: string, node: string): Promise<PodRecords> =>
  readPodBy(etcd, (asks) => etcd.read(asks), podUid, node);

/** The same, and deletes the pod's converged record in the same moment. */
export const readPodUnmarked = (etcd: Etcd, podUid: string, node: string): Promise<PodRecords> =>
  readPodBy(etcd, (asks) => etcd.removeAndRead(keys.convergedKey(podUid), asks), podUid, node);

async function readPodBy(etcd: Etcd, first: Etcd['read'], podUid: string, node: string): Promise<PodRecords> {
  const nodesPrefix = keys.podNodesPrefix(podUid);
  const [nodes = [], refusals = [], failures = [], teardown = [], whole = [], here = [], sandbox = []] = await first([
    { prefix: nodesPrefix },
    { prefix: keys.podRefusalsPrefix(podUid) },
    { prefix: keys.podFailuresPrefix(podUid) },
    { key: keys.teardownKey() },
    { key: keys.wholeKey() },
    ...(node === ''
      ? []
      : [{ prefix: keys.podAttachmentsPrefix(node, podUid) }, { key: keys.sandboxKey(node, podUid) }]),
  ]);
  const others = nodes.map(({ key }) => key.slice(nodesPrefix.length)).filter((name) => name !== node);
  const elsewhere =
    others.length === 0
      ? []
      : await etcd.read(others.map((name) => ({ prefix: keys.podAttachmentsPrefix(name, podUid) })));
  return {
    attachments: [...here, ...elsewhere.flat()].map(storedAttachment),
    sandbox: parseOptional(sandbox[0], (entry) => parseEntry(sandboxSchema, entry)),
    refusals: refusals.map((entry) => ({ ...parseEntry(refusalSchema, entry), modRevision: entry.modRevision })),
    failures: failures.map((entry) => parseEntry(failureSchema, entry)),
    tornDown: teardown.length > 0,
    isWhole: whole.length > 0,
  };
}
