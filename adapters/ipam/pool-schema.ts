/**
 * How a pool is written: the `ipam` section of a network configuration with podwire's keys, whereabouts' (k8snetworkplumbingwg/whereabouts,
 * pkg/types/types.go) and those of host-local's `ranges`, or the same keys in a file.
 */
import { z } from 'zod';
import { isPoolName, POOL_NAME_RULE } from '../../domain/ipam/pool.ts';

const text = z.string().max(256);
/** whereabouts' configurations have empty texts where nothing is meant. */
const optionalText = text.exactOptional();

const rangeKeys = {
  range: optionalText,
  range_start: optionalText,
  range_end: optionalText,
  exclude: z.array(text).max(1024).exactOptional(),
  gateway: optionalText,
};
const range = z.strictObject({ ...rangeKeys, subnet: optionalText, rangeStart: optionalText, rangeEnd: optionalText });

const MAX_RANGES = 64;
/** A set for each address of an interface: one of each family as a rule. */
const MAX_SETS = 8;
/** A day: whoever wants an address to be kept says `sticky`. */
const MAX_REST_S = 86_400;
/** As many keys of etcd are read for each allocation. */
const MAX_QUOTA = 1_024;

/** Of whereabouts: they say where it has its state, how it elects a leader, and what it writes of itself. */
const IGNORED = [
  ...['log_file', 'log_level', 'kubernetes', 'configuration_path', 'node_slice_size', 'reconciler_cron_expression'],
  ...['leader_lease_duration', 'leader_renew_deadline', 'leader_retry_period', 'sleep_for_race'],
] as const;
const ignored = Object.fromEntries(IGNORED.map((key) => [key, z.unknown().optional()]));

const refused = (why: string) => z.never(why).exactOptional();
const ETCD_KEYS = ['host', 'username', 'password', 'key_file', 'cert_file', 'ca_cert_file'].map((key) => `etcd_${key}`);

export const poolSchema = z.strictObject({
  ...rangeKeys,
  type: optionalText,
  pool: z.string().refine(isPoolName, `must be ${POOL_NAME_RULE}`).exactOptional(),
  network_name: z.union([z.literal(''), z.string().refine(isPoolName, `must be ${POOL_NAME_RULE}`)]).exactOptional(),
  ipRanges: z.array(range).max(MAX_SETS).exactOptional(),
  ranges: z
    .array(z.union([range, z.array(range).min(1).max(MAX_RANGES)]))
    .max(MAX_SETS)
    .exactOptional(),
  routes: z
    .array(z.looseObject({ dst: text, gw: optionalText }))
    .max(256)
    .exactOptional(),
  dns: z.looseObject({}).exactOptional(),
  order: z.enum(['next', 'lowest']).exactOptional(),
  restSeconds: z.number().min(0).max(MAX_REST_S).exactOptional(),
  perNamespace: z.number().int().min(1).max(MAX_QUOTA).exactOptional(),
  sticky: z.boolean().exactOptional(),
  pointToPoint: z.boolean().exactOptional(),
  datastore: z
    .literal('kubernetes', "podwire has the addresses in its own etcd; allowed: none, or 'kubernetes'")
    .exactOptional(),
  enable_overlapping_ranges: z
    .literal(true, 'an address is given once in a pool; allowed: true, and another network_name for the same addresses')
    .exactOptional(),
  addresses: refused("give an interface its address by the capability 'ips'"),
  ...Object.fromEntries(
    ETCD_KEYS.map((key) => [key, refused('podwire has the addresses in its own etcd, which its node worker asks')]),
  ),
  ...ignored,
  // Only podwire's executable reads them.
  ...{ socket: optionalText, logFile: optionalText, timeoutSeconds: z.number().exactOptional() },
});

export type WrittenPool = z.output<typeof poolSchema>;
export type WrittenRange = z.output<typeof range>;

export const ignoredKeys = (written: object): string[] => IGNORED.filter((key) => key in written);
