/** What podwire's records must look like when they are read back; anything else is refused with the key and the field. */
import { z } from 'zod';
import type { NodeConfigsRecord } from '../../domain/cni/node-configs.ts';
import { PodwireError } from '../../domain/failures.ts';
import {
  RECORD_VERSION,
  type AttachmentRecord,
  type CniResultRecord,
  type ConvergedRecord,
  type FailureRecord,
  type MemberRecord,
  type MeshRecord,
  type RefusalRecord,
  type SandboxRecord,
} from '../../domain/records.ts';
import { cniSpecSchema, linkResultSchema } from '../cni/attachment-schemas.ts';
import type { Entry } from './client.ts';

/** A newer build may mean something else by the same fields. */
const version = z.literal(RECORD_VERSION);
const network = z.object({ scope: z.string(), name: z.string() });
const netns = z.object({ path: z.string(), inode: z.string(), ctimeNs: z.string() });

const pool = z.object({
  name: z.string(),
  subnets: z.array(
    z.object({
      cidr: z.string(),
      gateway: z.string().exactOptional(),
      routes: z.array(z.string()),
      exclude: z.array(z.string()),
    }),
  ),
  order: z.enum(['next', 'lowest']),
  restSeconds: z.number(),
  perNamespace: z.number().int().exactOptional(),
  sticky: z.boolean(),
  wanted: z.array(z.string()),
});

const link = z.object({
  kind: z.literal('vxlan'),
  interfaceName: z.string(),
  vni: z.number().int().min(1).max(16777215),
  dstPort: z.number().int().min(1).max(65535),
  srcPorts: z.object({ first: z.number().int(), last: z.number().int() }).exactOptional(),
  parent: z.string(),
  mtu: z.number().int().exactOptional(),
  up: z.boolean(),
  addresses: z.array(z.string()),
  routes: z.array(z.object({ destination: z.string(), gateway: z.string() })),
  peers: z.array(z.string()),
  flood: z.literal(false).exactOptional(),
  mac: z.string().exactOptional(),
  pool: pool.exactOptional(),
});

const attachmentBase = {
  v: version,
  podUid: z.string(),
  runtimeUid: z.string().exactOptional(),
  namespace: z.string(),
  name: z.string(),
  node: z.string(),
  sandboxId: z.string(),
  bootId: z.string(),
  netns,
  network,
  interfaceName: z.string(),
  owner: z.object({ workflowId: z.string(), runId: z.string() }),
  generation: z.number().int(),
  phase: z.enum(['intent', 'attached', 'removing']),
  result: linkResultSchema.exactOptional(),
  agent: z.object({ container: z.string(), containerId: z.string() }).exactOptional(),
};

const vxlanAttachment = z.object({
  ...attachmentBase,
  kind: z.literal('vxlan'),
  link,
  lastGood: z.object({ link, vtep: z.string() }).exactOptional(),
  replaces: z.array(z.string()).exactOptional(),
  keptMac: z.string().exactOptional(),
  vtep: z.string(),
  through: z.object({ dialect: z.enum(['npwg', 'kaloom']), definition: network }).exactOptional(),
});

const cniBasis = {
  network,
  dialect: z.enum(['npwg', 'kaloom']),
  cni: cniSpecSchema,
  configText: z.string(),
  definitionUid: z.string(),
};

const cniAttachment = z.object({
  ...attachmentBase,
  ...cniBasis,
  kind: z.literal('cni'),
  madeWith: z.object(cniBasis).exactOptional(),
});

export const attachmentSchema: z.ZodType<AttachmentRecord> = z.discriminatedUnion('kind', [
  cniAttachment,
  vxlanAttachment,
]);

export const cniResultSchema: z.ZodType<CniResultRecord> = z.object({
  v: version,
  generation: z.number().int(),
  text: z.string(),
});

export const sandboxSchema: z.ZodType<SandboxRecord> = z.object({
  v: version,
  podUid: z.string(),
  namespace: z.string(),
  name: z.string(),
  sandboxId: z.string(),
  bootId: z.string(),
  netns,
  podIPs: z.array(z.string()).exactOptional(),
});

export const convergedSchema: z.ZodType<ConvergedRecord> = z.object({
  v: version,
  namespace: z.string(),
  name: z.string(),
  node: z.string(),
  inputsHash: z.string(),
  sandboxId: z.string(),
});

export const memberSchema: z.ZodType<MemberRecord> = z.object({
  v: version,
  node: z.string(),
  sandboxId: z.string(),
  interfaceName: z.string(),
  generation: z.number().int(),
  vtep: z.string(),
  sendsFrom: z.array(z.string()).exactOptional(),
  mac: z.string(),
  mtu: z.number().int().exactOptional(),
  addresses: z.array(z.string()),
});

export const meshSchema: z.ZodType<MeshRecord> = z.object({
  v: version,
  behind: z.array(z.string()),
  since: z.record(z.string(), z.string()),
  recordedAt: z.string(),
});

export const refusalSchema: z.ZodType<RefusalRecord> = z.object({
  v: version,
  namespace: z.string(),
  name: z.string(),
  inputsHash: z.string(),
  network,
  interfaceName: z.string(),
  code: z.string(),
  message: z.string(),
  waitsForVni: z.string().exactOptional(),
  waitsForTunnel: z.string().exactOptional(),
  waitsForAddress: z.string().exactOptional(),
  waitsForConfig: z.object({ node: z.string(), name: z.string(), refused: z.string() }).exactOptional(),
});

export const failureSchema: z.ZodType<FailureRecord> = z.object({
  v: version,
  interfaceName: z.string(),
  generation: z.number().int(),
  code: z.string(),
  message: z.string(),
});

export const nodeConfigsSchema: z.ZodType<NodeConfigsRecord> = z.object({
  v: version,
  configs: z.array(z.object({ file: z.string(), name: z.string(), text: z.string() })),
});

/** Parses one etcd entry; a record that is not ours to understand is a terminal `RecordInvalid`, never a guess. */
export function parseEntry<T>(schema: z.ZodType<T>, entry: Entry): T {
  let json: unknown;
  try {
    json = JSON.parse(entry.value);
  } catch {
    throw new PodwireError('RecordInvalid', `etcd record ${entry.key} is not JSON; remove or repair it`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { v } = Object(json) as { readonly v?: unknown };
  if (typeof v === 'number' && v > RECORD_VERSION)
    throw new PodwireError(
      'RecordInvalid',
      `etcd record ${entry.key}: version ${v} is that of a newer podwire; this one reads version ${RECORD_VERSION}: update it`,
    );
  const issue = parsed.error.issues[0];
  throw new PodwireError(
    'RecordInvalid',
    `etcd record ${entry.key}: field ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}; remove or repair it`,
  );
}

/** For records of others, which must not stop who reads them: one that nobody can read is as if it were not there. */
export function readable<T>(schema: z.ZodType<T>, entry: Entry | undefined): T | undefined {
  try {
    return entry && parseEntry(schema, entry);
  } catch {
    return undefined;
  }
}
