/**
 * Stand-ins for etcd and the container runtime, so that a test can say in one line which record or sandbox there is, also
 * ones that the real parts would not show on demand (a record that changes in between, a netns swapped under its path). The
 * kernel is real in all these tests; the real etcd and the real runtime are used by the lab tests.
 */
import type { CniDeps } from '../../activities/network/deps.ts';
import { PodwireError } from '../../domain/failures.ts';
import { networkKey } from '../../domain/network-selection.ts';
import { execTarget } from '../../domain/target.ts';
import type { AttachmentId, NodeStore } from '../../domain/ports/node-store.ts';
import type { SandboxDetails, SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import type {
  AttachmentRecord,
  CniResultRecord,
  ConvergedRecord,
  Member,
  SandboxRecord,
  Stored,
  VxlanAttachmentRecord,
} from '../../domain/records.ts';

export class FakeStore implements NodeStore {
  readonly attachments = new Map<string, Stored<AttachmentRecord>>();
  readonly sandboxes = new Map<string, SandboxRecord>();
  readonly tombstones = new Map<string, Stored<AttachmentRecord>>();
  readonly cniResults = new Map<string, CniResultRecord>();
  members: (Member & { network: string })[] = [];
  membershipReads = 0;
  /** False: as after the store was lost. */
  whole = true;
  #revision = 0;

  put<R extends AttachmentRecord>(record: R): Stored<R> {
    this.#revision += 1;
    const key = keyOf(record);
    const stored = { key, value: record, modRevision: String(this.#revision) };
    this.attachments.set(key, stored);
    return stored;
  }

  join(record: VxlanAttachmentRecord): void {
    const { podUid, node, sandboxId, vtep, generation, interfaceName } = record;
    this.members.push({
      ...{ v: 1, podUid, node, sandboxId, vtep, generation, mac: '02:00:00:00:00:01', addresses: [] },
      interfaceName,
      network: networkKey(record.network),
    });
  }

  readAttachment: NodeStore['readAttachment'] = async (id) => this.attachments.get(keyOf(id));
  listNodeAttachments: NodeStore['listNodeAttachments'] = async (node) =>
    [...this.attachments.values()].filter(({ value }) => value.node === node);
  listPodAttachments: NodeStore['listPodAttachments'] = async (node, podUid) =>
    (await this.listNodeAttachments(node)).filter(({ value }) => value.podUid === podUid);
  readCniResult: NodeStore['readCniResult'] = async (id) => this.cniResults.get(keyOf(id));
  putCniResult: NodeStore['putCniResult'] = async (id, result) => {
    this.cniResults.set(keyOf(id), result);
  };
  readMembers: NodeStore['readMembers'] = async (network) => {
    this.membershipReads += 1;
    const members = this.members.filter((member) => member.network === networkKey(network));
    return { members, isWhole: this.whole };
  };
  readNode: NodeStore['readNode'] = async (node) => ({
    attachments: await this.listNodeAttachments(node),
    byExec: await this.listNodeAttachments(execTarget(node)),
    tombstones: await this.listTombstones(node),
    isWhole: this.whole,
  });
  restoreAttachment: NodeStore['restoreAttachment'] = async (record, result) => {
    if (this.attachments.has(keyOf(record))) return false;
    this.put(record);
    this.cniResults.set(keyOf(record), result);
    return true;
  };
  isRestored: NodeStore['isRestored'] = async () => true;
  putRestored: NodeStore['putRestored'] = async () => undefined;
  listFailures: NodeStore['listFailures'] = async () => [];
  readMesh: NodeStore['readMesh'] = async () => undefined;
  caughtUp: NodeStore['caughtUp'] = async () => undefined;
  readonly marks = new Map<string, ConvergedRecord>();
  /** Calls that read marks. */
  convergedReads = 0;
  /** Pods whose marks nobody can read. */
  readonly damagedMarks = new Set<string>();
  readConverged: NodeStore['readConverged'] = async (podUids, onUnreadable) => {
    this.convergedReads += podUids.length === 0 ? 0 : 1;
    for (const uid of podUids.filter((each) => this.damagedMarks.has(each)))
      onUnreadable?.(uid, new PodwireError('RecordInvalid', `the mark of ${uid} is not JSON`));
    return new Map([...this.marks].filter(([uid]) => podUids.includes(uid)));
  };
  listSandboxes: NodeStore['listSandboxes'] = async () => [...this.sandboxes.values()];
  putSandbox: NodeStore['putSandbox'] = async (_node, sandbox) => {
    this.sandboxes.set(sandbox.podUid, sandbox);
  };
  removeSandbox: NodeStore['removeSandbox'] = async (_node, podUid) => {
    this.sandboxes.delete(podUid);
  };
  putNode: NodeStore['putNode'] = async () => undefined;
  putNodeConfigs: NodeStore['putNodeConfigs'] = async () => undefined;
  listWaitingForConfigs: NodeStore['listWaitingForConfigs'] = async () => [];
  listTombstones: NodeStore['listTombstones'] = async () => [...this.tombstones.values()];
  removeTombstone: NodeStore['removeTombstone'] = async ({ key }) => {
    this.tombstones.delete(key);
  };
}

const keyOf = (id: AttachmentId): string => [id.node, id.podUid, id.sandboxId, id.interfaceName].join('/');

export class FakeRuntime implements SandboxRuntime {
  readonly sandboxes = new Map<string, SandboxDetails>();
  /** Pods that asked for nothing when their sandboxes were made. */
  readonly asksNothing = new Set<string>();

  listReady: SandboxRuntime['listReady'] = async (podUid) =>
    [...this.sandboxes.values()]
      .filter((sandbox) => sandbox.ready && (podUid ?? sandbox.podUid) === sandbox.podUid)
      .map((sandbox) => ({ ...sandbox, asks: !this.asksNothing.has(sandbox.podUid) }));
  describe: SandboxRuntime['describe'] = async (id) => this.sandboxes.get(id);
}

const unused = async (): Promise<never> => {
  throw new Error('the pods of these tests have no CNI attachments');
};

/** For the tests of VXLAN links; those of CNI attachments have real plugins (test/kernel/cni-*). */
export const NO_CNI: Pick<CniDeps, 'plugins' | 'journal' | 'foreign'> = {
  plugins: {
    add: unused,
    del: unused,
    check: unused,
    ready: unused,
    gc: unused,
    facts: () => ({ gateways: [], others: [] }),
  },
  journal: { read: unused, write: unused, remove: unused, list: unused },
  foreign: { cache: { find: unused, remove: unused }, policy: { pluginTypes: [], hostKeys: [] } },
};
