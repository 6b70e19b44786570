/** What `nft -j list table` prints of an interface's table (nftables 1.0), compared with what podwire writes. */
import { z } from 'zod';
import type { SeenSenders } from '../../domain/forwarding/senders.ts';
import { PRIORITY, VNI_BITS, VNI_OFFSET } from './sender-rules.ts';

const own = { family: z.literal('inet'), handle: z.number() };
const inTable = { ...own, table: z.string() };

const equals = <L extends z.ZodType, R extends z.ZodType>(op: '==' | '!=', left: L, right: R) =>
  z.strictObject({ match: z.strictObject({ op: z.literal(op), left: z.strictObject({ payload: left }), right }) });

const field = <P extends string>(protocol: P, name: string) =>
  z.strictObject({ protocol: z.literal(protocol), field: z.literal(name) });

const raw = z.strictObject({ base: z.literal('th'), offset: z.literal(VNI_OFFSET), len: z.literal(VNI_BITS) });

/** Strict: whatever podwire does not write makes it another table. */
const tableSchema = z.strictObject({
  nftables: z.tuple([
    z.strictObject({ metainfo: z.looseObject({}) }),
    z.strictObject({ table: z.strictObject({ ...own, name: z.string() }) }),
    z.strictObject({
      set: z.strictObject({
        ...inTable,
        name: z.literal('members'),
        type: z.enum(['ipv4_addr', 'ipv6_addr']),
        elem: z.array(z.string()).default([]),
      }),
    }),
    z.strictObject({
      chain: z.strictObject({
        ...inTable,
        name: z.literal('input'),
        type: z.literal('filter'),
        hook: z.literal('input'),
        prio: z.literal(PRIORITY),
        policy: z.literal('accept'),
      }),
    }),
    z.strictObject({
      rule: z.strictObject({
        ...inTable,
        chain: z.literal('input'),
        expr: z.tuple([
          equals('==', field('udp', 'dport'), z.number()),
          equals('==', raw, z.number()),
          equals('!=', z.union([field('ip', 'saddr'), field('ip6', 'saddr')]), z.literal('@members')),
          z.strictObject({ drop: z.null() }),
        ]),
      }),
    }),
  ]),
});

/** `altered` also for text that is no JSON: then it is written anew. */
export function parseSenders(text: string): Exclude<SeenSenders, undefined> {
  let listed: unknown;
  try {
    listed = JSON.parse(text);
  } catch {
    return 'altered';
  }
  const parsed = tableSchema.safeParse(listed);
  if (!parsed.success) return 'altered';
  const [, , { set }, , { rule }] = parsed.data.nftables;
  const [port, vni, source] = rule.expr;
  const family = source.match.left.payload.protocol === 'ip' ? 4 : 6;
  if (set.type !== (family === 4 ? 'ipv4_addr' : 'ipv6_addr')) return 'altered';
  return { vni: vni.match.right, dstPort: port.match.right, family, from: set.elem.toSorted() };
}
