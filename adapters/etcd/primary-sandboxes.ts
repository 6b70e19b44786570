/** `PrimarySandboxes` in etcd: podwire's records, and beside them contiv's, for a node that has its addresses from contiv's configuration. */
import { z } from 'zod';
import { primaryPrefix, primarySandboxesPrefix, primarySandboxKey } from '../../domain/keys.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { PrimarySandboxes } from '../../domain/ports/primary-sandboxes.ts';
import {
  allocatedIpKey,
  allocatedIpValue,
  persistedPodKey,
  persistedPodValue,
} from '../../domain/primary/contiv-formats.ts';
import type { PrimarySandbox, PrimarySandboxRecord } from '../../domain/primary/sandbox.ts';
import type { Entry, Etcd, Operation } from './client.ts';
import { putOperation } from './record-entries.ts';

const text = z.string();
const texts = z.array(text);
const schema = z.strictObject({
  v: z.literal(1),
  node: text,
  sandboxId: text,
  pod: z.strictObject({ namespace: text, name: text }),
  interfaces: z.array(z.strictObject({ name: text, hostInterface: text, addresses: texts })),
  postAdd: z.strictObject({ wanted: texts, done: texts }),
});

/** @param agents prefix of the trees of contiv's agents; undefined: there are no readers of them */
export function createPrimarySandboxes(
  etcd: Etcd,
  ip: Pick<IpNumbers, 'value'>,
  agents: string | undefined,
): PrimarySandboxes {
  const contivKeys = (node: string, sandboxId: string): string[] =>
    agents === undefined ? [] : [allocatedIpKey(agents, node, sandboxId), persistedPodKey(agents, node, sandboxId)];
  return {
    async list(node) {
      const { entries } = await etcd.list(primarySandboxesPrefix(node));
      return entries.flatMap((entry) => parsed(entry) ?? []);
    },
    async get(node, sandboxId) {
      return parsed(await etcd.get(primarySandboxKey(node, sandboxId)));
    },
    async put(record) {
      const { node, sandboxId } = record;
      const [allocated, persisted] = contivKeys(node, sandboxId);
      await etcd.transact(
        [],
        [
          putOperation(primarySandboxKey(node, sandboxId), record),
          ...(allocated === undefined ? [] : [allocation(allocated, record, ip)]),
          ...(persisted === undefined ? [] : [{ put: persisted, value: persistedPodValue(record) }]),
        ],
      );
    },
    async remove(node, sandboxId, keep) {
      const keys = [...contivKeys(node, sandboxId), ...(keep === 'record' ? [] : [primarySandboxKey(node, sandboxId)])];
      if (keys.length > 0)
        await etcd.transact(
          [],
          keys.map((remove) => ({ remove })),
        );
    },
  };
}

/** Those of all nodes that can be read. @throws PodwireError EtcdUnavailable */
export async function listPrimarySandboxes(etcd: Etcd): Promise<readonly PrimarySandboxRecord[]> {
  const { entries } = await etcd.list(primaryPrefix());
  return entries.flatMap((entry) => parsed(entry) ?? []);
}

/** The mirror of the lease: gone where its addresses have no room in contiv's message. */
function allocation(key: string, { sandboxId, interfaces }: PrimarySandbox, ip: Pick<IpNumbers, 'value'>): Operation {
  const addresses = interfaces.flatMap((each) => each.addresses).flatMap((address) => ip.value(address) ?? []);
  const value = allocatedIpValue({ sandboxId, addresses });
  return value === undefined ? { remove: key } : { put: key, value };
}

/** What is not as podwire writes it says nothing, and is written anew from the node's disk. */
function parsed(entry: Entry | undefined): PrimarySandboxRecord | undefined {
  if (entry === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(entry.value));
  } catch {
    return undefined;
  }
}
