/** Members of the mesh between nodes in etcd. */
import { PodwireError } from '../../domain/failures.ts';
import { nodeMemberKey, nodeMembersPrefix, untoldMemberKey, wholeKey } from '../../domain/keys.ts';
import type { NodeMembers } from '../../domain/ports/node-mesh.ts';
import { sameMember, type NodeMember } from '../../domain/primary/node-member.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import { z } from 'zod';
import { nodeMemberSchema } from '../primary/node-member-schema.ts';
import type { Entry, Etcd } from './client.ts';
import { putOperation, unchanged } from './record-entries.ts';
import { parseEntry } from './schemas.ts';

const recordSchema = nodeMemberSchema.extend({ v: z.literal(RECORD_VERSION) });

/** Whoever loses its node's record to another process reads anew; more than two are not at it. */
const ATTEMPTS = 5;

export function createNodeMembers(etcd: Etcd): NodeMembers {
  return {
    async read() {
      const prefix = nodeMembersPrefix();
      const [entries = [], whole = []] = await etcd.read([{ prefix }, { key: wholeKey() }]);
      const members: NodeMember[] = [];
      const unreadable: string[] = [];
      for (const entry of entries) {
        const member = memberIn(entry);
        const node = entry.key.slice(prefix.length);
        if (member?.node === node) members.push(member);
        else unreadable.push(node);
      }
      return { members, isWhole: whole.length > 0, unreadable };
    },
    async publish(member) {
      const key = nodeMemberKey(member.node);
      const untold = untoldMemberKey(member.node);
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        const [[entry] = [], untoldEntries = []] = await etcd.read([{ key }, { key: untold }]);
        const before = entry === undefined ? undefined : memberIn(entry);
        if (before !== undefined && sameMember(before, member)) return untoldEntries.length > 0 ? 'untold' : 'told';
        const condition = entry === undefined ? ({ key, is: 'absent' } as const) : unchanged(entry);
        const { applied } = await etcd.transact(
          [condition],
          [putOperation(key, { v: RECORD_VERSION, ...member }), { put: untold, value: '' }],
        );
        if (applied) return 'untold';
      }
      throw new PodwireError('EtcdUnavailable', `the record of node ${member.node} in the mesh changes all the time`);
    },
    async told(node) {
      await etcd.transact([], [{ remove: untoldMemberKey(node) }]);
    },
    async remove(node) {
      const key = nodeMemberKey(node);
      const { applied } = await etcd.transact(
        [{ key, is: 'present' }],
        [{ remove: key }, { remove: untoldMemberKey(node) }],
      );
      return applied;
    },
  };
}

/** undefined: it is none, or that of a newer build. */
function memberIn(entry: Entry): NodeMember | undefined {
  try {
    const { node, addresses, mac, subnets } = parseEntry(recordSchema, entry);
    return { node, addresses, mac, subnets };
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'RecordInvalid') return undefined;
    throw error;
  }
}
