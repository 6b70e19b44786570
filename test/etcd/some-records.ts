/** Shortens the tests of records: one attachment, written as the little that differs from a plain one. */
import { createHash } from 'node:crypto';
import {
  RECORD_VERSION,
  type CniAttachmentRecord,
  type ConvergedRecord,
  type LinkResult,
  type MemberRecord,
  type VxlanAttachmentRecord,
} from '../../domain/records.ts';

export const RESULT: LinkResult = {
  ...{ ifindex: 7, mac: '02:00:00:00:00:01', mtu: 1450, addresses: ['10.1.0.1/24'] },
  ...{ adopted: false, before: 'absent' },
};

/** @param uid of the pod, and the part of everything that must not collide with another test's */
export function intent(uid: string, vni: number, change: Partial<VxlanAttachmentRecord> = {}): VxlanAttachmentRecord {
  return {
    ...{ v: RECORD_VERSION, podUid: uid, namespace: uid, name: 'web', node: 'n1', sandboxId: `${uid}-sandbox` },
    ...{ bootId: 'boot', netns: { path: '/run/netns/x', inode: '4026532000', ctimeNs: '1' } },
    network: { scope: uid, name: 'red' },
    owner: { workflowId: `pod/${uid}/web/${uid}`, runId: 'run' },
    generation: 1,
    kind: 'vxlan',
    interfaceName: 'red',
    link: {
      ...{ kind: 'vxlan', interfaceName: 'red', vni, dstPort: 8472, parent: 'eth0', up: true },
      ...{ addresses: [addressOf(uid, change.podUid)], routes: [], peers: [] },
    },
    vtep: '10.0.0.9',
    phase: 'intent',
    ...change,
  };
}

/** Pods of one network have different addresses. */
function addressOf(uid: string, podUid = uid): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(podUid).digest();
  return `10.${a}.${b}.${c}/8`;
}

export const MARK: ConvergedRecord = {
  ...{ v: RECORD_VERSION, namespace: 'default', name: 'web', node: 'n1' },
  ...{ inputsHash: 'of-these-inputs', sandboxId: 'sandbox' },
};

export function memberOf(record: VxlanAttachmentRecord): MemberRecord {
  const { node, sandboxId, interfaceName, generation, vtep } = record;
  const { mac, mtu, addresses } = RESULT;
  return { v: RECORD_VERSION, node, sandboxId, interfaceName, generation, vtep, mac, mtu, addresses };
}

/** A CNI attachment with everything that a record can carry. */
export function cniIntent(uid: string, change: Partial<CniAttachmentRecord> = {}): CniAttachmentRecord {
  const { v, podUid, namespace, name, node, sandboxId, bootId, netns, owner, generation, phase } = intent(uid, 1);
  return {
    ...{ v, podUid, namespace, name, node, sandboxId, bootId, netns, owner, generation, phase },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: uid, name: 'green' }, interfaceName: 'net1' },
    cni: {
      ...{ kind: 'cni', interfaceName: 'net1', defaultRoute: ['10.2.0.1'], args: [['K', 'v']] },
      capabilityArgs: {
        ...{ ips: ['10.2.0.5/24'], mac: '02:00:00:00:00:05', bandwidth: { ingressRate: 1_000, ingressBurst: 2_000 } },
        portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
      },
      configArgs: { deep: [1, null, { x: 'y' }] },
    },
    definitionUid: 'nad-green',
    configText: '{ "cniVersion": "1.0.0", "type": "bridge" }',
    ...change,
  };
}
