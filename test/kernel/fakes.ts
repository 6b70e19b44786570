/**
 * Stand-ins for etcd and the container runtime, so that a test can say in one line which record or sandbox there is, also
 * ones that the real parts would not show on demand (a record that changes in between, a netns swapped under its path). The
 * kernel is real in all these tests; the real etcd and the real runtime are used by the lab tests.
 */
import { networkKey } from '../../domain/network-selection.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { SandboxDetails, SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import type { AttachmentRecord, Member, SandboxRecord, Stored } from '../../domain/records.ts';

export class FakeStore implements NodeStore {
  readonly attachments = new Map<string, Stored<AttachmentRecord>>();
  readonly sandboxes = new Map<string, SandboxRecord>();
  readonly tombstones = new Map<string, Stored<AttachmentRecord>>();
  members: (Member & { network: string })[] = [];
  membershipReads = 0;
  #revision = 0;

  put(record: AttachmentRecord): Stored<AttachmentRecord> {
    this.#revision += 1;
    const key = keyOf({ ...record, interfaceName: record.link.interfaceName });
    const stored = { key, value: record, modRevision: String(this.#revision) };
    this.attachments.set(key, stored);
    return stored;
  }

  join(record: AttachmentRecord): void {
    const { podUid, node, sandboxId, vtep, generation, link } = record;
    this.members.push({
      ...{ v: 1, podUid, node, sandboxId, vtep, generation, mac: '02:00:00:00:00:01', addresses: [] },
      interfaceName: link.interfaceName,
      network: networkKey(record.network),
    });
  }

  readAttachment: NodeStore['readAttachment'] = async (id) => this.attachments.get(keyOf(id));
  listNodeAttachments: NodeStore['listNodeAttachments'] = async (node) =>
    [...this.attachments.values()].filter(({ value }) => value.node === node);
  listMembers: NodeStore['listMembers'] = async (network) => {
    this.membershipReads += 1;
    return this.members.filter((member) => member.network === networkKey(network));
  };
  readMark: NodeStore['readMark'] = async () => undefined;
  listSandboxes: NodeStore['listSandboxes'] = async () => [...this.sandboxes.values()];
  putSandbox: NodeStore['putSandbox'] = async (_node, sandbox) => {
    this.sandboxes.set(sandbox.podUid, sandbox);
  };
  removeSandbox: NodeStore['removeSandbox'] = async (_node, podUid) => {
    this.sandboxes.delete(podUid);
  };
  readNodeRecord: NodeStore['readNodeRecord'] = async () => undefined;
  putNodeRecord: NodeStore['putNodeRecord'] = async () => undefined;
  listTombstones: NodeStore['listTombstones'] = async () => [...this.tombstones.values()];
  removeTombstone: NodeStore['removeTombstone'] = async ({ key }) => {
    this.tombstones.delete(key);
  };
}

const keyOf = (id: { node: string; podUid: string; sandboxId: string; interfaceName: string }): string =>
  [id.node, id.podUid, id.sandboxId, id.interfaceName].join('/');

export class FakeRuntime implements SandboxRuntime {
  readonly sandboxes = new Map<string, SandboxDetails>();

  listReady: SandboxRuntime['listReady'] = async (podUid) =>
    [...this.sandboxes.values()].filter((sandbox) => sandbox.ready && (podUid ?? sandbox.podUid) === sandbox.podUid);
  describe: SandboxRuntime['describe'] = async (id) => this.sandboxes.get(id);
}
