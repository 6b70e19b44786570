/** A node on which everything is as it should be: one pod with a VXLAN link and a CNI interface. */
import type { LinkView, NetnsView } from '../../../domain/vxlan/link-observation.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type {
  AttachmentRecord,
  CniAttachmentRecord,
  LinkResult,
  Stored,
  VxlanAttachmentRecord,
} from '../../../domain/records.ts';
import type { NodeSnapshot } from '../../../domain/sweep/classify.ts';

export const SANDBOX = 'a'.repeat(64);
export const POD = { uid: 'uid-1', namespace: 'shop', name: 'web-0' };

const result = (change: Partial<LinkResult>): LinkResult => ({
  ...{ ifindex: 5, mac: '02:00:00:00:00:05', mtu: 1450, addresses: ['10.1.0.2/24'], adopted: false, before: 'absent' },
  ...change,
});

const base = {
  ...{ v: 1, podUid: POD.uid, namespace: POD.namespace, name: POD.name, node: 'n1', sandboxId: SANDBOX },
  ...{ bootId: 'boot', netns: { path: '/run/netns/a', inode: '1', ctimeNs: '1' } },
  owner: { workflowId: 'w', runId: 'r' },
  ...{ generation: 3, phase: 'attached' as const },
};

export const vxlanRecord = (change: Partial<VxlanAttachmentRecord> = {}): VxlanAttachmentRecord => ({
  ...{ ...base, kind: 'vxlan', network: { scope: 'cluster', name: 'green' }, interfaceName: 'green', vtep: '10.0.0.5' },
  link: {
    ...{ kind: 'vxlan', interfaceName: 'green', vni: 7, dstPort: 8472, parent: 'eth0', up: true, peers: [] },
    addresses: ['10.1.0.2/24'],
    routes: [{ destination: '10.9.0.0/24', gateway: '10.1.0.1' }],
  },
  result: result({}),
  ...change,
});

export const cniRecord = (change: Partial<CniAttachmentRecord> = {}): CniAttachmentRecord => ({
  ...{ ...base, kind: 'cni', dialect: 'npwg', network: { scope: 'shop', name: 'wired' }, interfaceName: 'net1' },
  cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
  definitionUid: 'd',
  configText: '{"cniVersion":"1.1.0","name":"wired","type":"bridge"}',
  result: result({ ifindex: 6, mac: '02:00:00:00:00:06', mtu: 1500, addresses: ['10.2.0.2/24', 'fd00::2/64'] }),
  ...change,
});

export const stored = (value: AttachmentRecord, modRevision = '11'): Stored<AttachmentRecord> => ({
  ...{ key: `/k/${value.interfaceName}`, value, modRevision },
});

const basisOf = ({ network, dialect, cni, definitionUid }: CniAttachmentRecord): CniJournalEntry['basis'] => ({
  ...{ network, dialect, cni, definitionUid },
});

export const journalEntry = (change: Partial<CniJournalEntry['call']> = {}, generation = 3): CniJournalEntry => ({
  ...{ v: 1, podUid: POD.uid, generation, bootId: 'boot' },
  call: {
    ...{ sandboxId: SANDBOX, netnsPath: '/run/netns/a', interfaceName: 'net1', configText: '{}', networkName: 'wired' },
    capabilityArgs: {},
    args: [
      ['K8S_POD_NAMESPACE', POD.namespace],
      ['K8S_POD_NAME', POD.name],
    ],
    ...change,
  },
  basis: basisOf(cniRecord()),
});

const addresses = (cidrs: readonly string[]): LinkView['addresses'] =>
  cidrs.map((cidr) => ({ cidr, family: cidr.includes(':') ? 6 : 4, linkLocal: false }));

const plain = { kind: 'veth', vxlan: undefined, alias: undefined, up: true } as const;

export const greenLink = (change: Partial<LinkView> = {}): LinkView => ({
  ...{ ...plain, ifindex: 5, name: 'green', mac: '02:00:00:00:00:05', mtu: 1450, kind: 'vxlan' },
  alias: `podwire:${POD.uid}:3`,
  vxlan: { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: false },
  addresses: addresses(['10.1.0.2/24']),
  ...change,
});

export const wiredLink = (change: Partial<LinkView> & { cidrs?: readonly string[] } = {}): LinkView => {
  const { cidrs = ['10.2.0.2/24', 'fd00::2/64'], ...rest } = change;
  return {
    ...{ ...plain, ifindex: 6, name: 'net1', mac: '02:00:00:00:00:06', mtu: 1500, addresses: addresses(cidrs) },
    ...rest,
  };
};

export const view = (links: readonly LinkView[]): NetnsView => ({
  links,
  routes: [{ destination: '10.9.0.0/24', gateway: '10.1.0.1', link: 'green' }],
});

export const snapshot = (change: Partial<NodeSnapshot> = {}): NodeSnapshot => ({
  ...{ node: 'n1', bootId: 'boot', unreadable: [], reservations: [], cacheFiles: [], tombstones: [] },
  journal: [journalEntry()],
  sandboxes: [{ sandboxId: SANDBOX, pod: POD, view: view([greenLink(), wiredLink()]) }],
  records: [stored(vxlanRecord()), stored(cniRecord())],
  runtime: new Map([[SANDBOX, 'ready']]),
  checks: new Map(),
  strangers: new Map(),
  isWhole: true,
  temporaryName: (_uid, name) => `pw-${name}`,
  ...change,
});
