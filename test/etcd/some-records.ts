/** Shortens the tests of records: one attachment, written as the little that differs from a plain one. */
import { RECORD_VERSION, type AttachmentRecord, type LinkResult, type MemberRecord } from '../../domain/records.ts';

export const RESULT: LinkResult = {
  ...{ ifindex: 7, mac: '02:00:00:00:00:01', mtu: 1450, addresses: ['10.1.0.1/24'] },
  ...{ adopted: false, before: 'absent' },
};

/** @param uid of the pod, and the part of everything that must not collide with another test's */
export function intent(uid: string, vni: number, change: Partial<AttachmentRecord> = {}): AttachmentRecord {
  return {
    ...{ v: RECORD_VERSION, podUid: uid, namespace: uid, name: 'web', node: 'n1', sandboxId: `${uid}-sandbox` },
    ...{ bootId: 'boot', netns: { path: '/run/netns/x', inode: '4026532000', ctimeNs: '1' } },
    network: { scope: uid, name: 'red' },
    owner: { workflowId: `pod/${uid}/web/${uid}`, runId: 'run' },
    generation: 1,
    link: {
      ...{ kind: 'vxlan', interfaceName: 'red', vni, dstPort: 8472, parent: 'eth0', up: true },
      ...{ addresses: ['10.1.0.1/24'], routes: [], peers: [] },
    },
    vtep: '10.0.0.9',
    phase: 'intent',
    ...change,
  };
}

export function memberOf(record: AttachmentRecord): MemberRecord {
  const { node, sandboxId, link, generation, vtep } = record;
  const { mac, addresses } = RESULT;
  return { v: RECORD_VERSION, node, sandboxId, interfaceName: link.interfaceName, generation, vtep, mac, addresses };
}
