/**
 * `contiv.yaml`, the configuration of contiv's agent, for clusters that go over from contiv. Keys are case-insensitive, as they are there. What
 * is about VPP is told of and otherwise left alone; a key that contiv does not know is refused, since it is a word that somebody mistyped.
 */
import { load } from 'js-yaml';
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { ContivConfig } from '../../domain/primary/contiv-config.ts';

export interface ContivYaml {
  readonly config: ContivConfig;
  /** One line for each key that says nothing to podwire. */
  readonly notes: readonly string[];
}

const number = z.number().int().nonnegative();
/** A key of VPP's data path, whatever its value is. */
const vpp = z.unknown().optional();

const nodeSchema = z.strictObject({
  nodeName: z.string(),
  mainVPPInterface: vpp,
  otherVPPInterfaces: vpp,
  stealInterface: vpp,
  gateway: z.string().default(''),
  natExternalTraffic: vpp,
});

const ipamSchema = z.strictObject({
  podIfIPCIDR: z.string().default(''),
  podSubnetCIDR: z.string().default(''),
  podNetworkPrefixLen: number.default(0),
  vppHostSubnetCIDR: z.string().default(''),
  vppHostNetworkPrefixLen: number.default(0),
  nodeInterconnectCIDR: z.string().default(''),
  nodeInterconnectDHCP: z.boolean().default(false),
  vxlanCIDR: z.string().default(''),
  serviceCIDR: z.string().default(''),
  contivCIDR: z.string().default(''),
});

/** Keys of contiv's `Config` that only VPP's data path has a use for. */
const VPP_KEYS = [
  'TCPChecksumOffloadDisabled',
  'TCPstackDisabled',
  'UseTAPInterfaces',
  'TAPInterfaceVersion',
  'TAPv2RxRingSize',
  'TAPv2TxRingSize',
  'StealFirstNIC',
  'StealInterface',
  'STNSocketFile',
  'CleanupIdleNATSessions',
  'TCPNATSessionTimeout',
  'OtherNATSessionTimeout',
  'ScanIPNeighbors',
  'IPNeighborScanInterval',
  'IPNeighborStaleThreshold',
  'MainVRFID',
  'PodVRFID',
  'ServiceLocalEndpointWeight',
  'DisableNATVirtualReassembly',
  'EnablePacketTrace',
  'RouteServiceCIDRToVPP',
  'CRDNodeConfigurationDisabled',
] as const;
const VPP_NODE_KEYS = ['mainVPPInterface', 'otherVPPInterfaces', 'stealInterface'] as const;
/** They follow from `contivCIDR` where that is given. */
const DERIVED_KEYS = ['podSubnetCIDR', 'podNetworkPrefixLen', 'vxlanCIDR'] as const;
const VPP_IPAM_KEYS = ['podIfIPCIDR', 'vppHostSubnetCIDR', 'vppHostNetworkPrefixLen'] as const;

const schema = z.strictObject({
  ...(Object.fromEntries(VPP_KEYS.map((key) => [key, vpp])) as Record<(typeof VPP_KEYS)[number], typeof vpp>),
  MTUSize: number.default(0),
  UseL2Interconnect: z.boolean().default(false),
  NatExternalTraffic: z.boolean().default(false),
  IPAMConfig: ipamSchema.prefault({}),
  NodeConfig: z.array(nodeSchema).default([]),
});

/** @throws PodwireError AddressingInvalid with the key that cannot be understood */
export function parseContivYaml(text: string): ContivYaml {
  const parsed = schema.safeParse(withKnownKeys(yamlOf(text), schema, ''));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
  }
  const { MTUSize, UseL2Interconnect, NatExternalTraffic, IPAMConfig: ipam, NodeConfig: nodes } = parsed.data;
  const gateways = nodes.map(({ gateway }) => gateway).filter((gateway) => gateway !== '');
  const config: ContivConfig = {
    ...{ ipam, gateways, withoutTunnel: UseL2Interconnect, masquerade: NatExternalTraffic },
    ...(MTUSize === 0 ? {} : { mtu: MTUSize }),
  };
  return { config, notes: notesOn(parsed.data) };
}

function notesOn(data: z.output<typeof schema>): string[] {
  const { IPAMConfig: ipam, NodeConfig: nodes } = data;
  const given = <Key extends string>(of: Readonly<Partial<Record<Key, unknown>>>, keys: readonly Key[]): Key[] =>
    keys.filter((key) => of[key] !== undefined && of[key] !== '' && of[key] !== 0);
  const isDerived = ipam.contivCIDR !== '';
  return [
    ...given(data, VPP_KEYS).map((key) => `${key}: not applicable, it is about VPP`),
    ...given(ipam, VPP_IPAM_KEYS).map((key) => `IPAMConfig.${key}: not applicable, it is about VPP's links`),
    ...(ipam.nodeInterconnectDHCP
      ? ['IPAMConfig.nodeInterconnectDHCP: not applicable, a node keeps the address that it has']
      : []),
    ...(isDerived ? given(ipam, DERIVED_KEYS).map((key) => `IPAMConfig.${key}: contivCIDR stands above it`) : []),
    ...nodes.flatMap((node) => [
      ...given(node, VPP_NODE_KEYS).map(
        (key) => `NodeConfig of ${node.nodeName}, ${key}: not applicable, it is about VPP`,
      ),
      ...given(node, ['natExternalTraffic']).map(
        (key) => `NodeConfig of ${node.nodeName}, ${key}: not applicable, NatExternalTraffic is one for all nodes`,
      ),
    ]),
  ];
}

function yamlOf(text: string): unknown {
  try {
    return load(text) ?? {};
  } catch (cause) {
    throw new PodwireError('AddressingInvalid', `it is no YAML: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
    });
  }
}

/**
 * The same with every key spelled as the schema has it, whatever its case.
 * @param path of the value, for what is refused
 */
function withKnownKeys(value: unknown, of: z.ZodType, path: string): unknown {
  if (isOptional(of)) return value === null ? undefined : withKnownKeys(value, of.unwrap() as z.ZodType, path);
  if (of instanceof z.ZodArray && Array.isArray(value))
    return value.map((each, index) => withKnownKeys(each, of.element as z.ZodType, `${path}${index}.`));
  if (!(of instanceof z.ZodObject) || typeof value !== 'object' || value === null) return value;
  const shape = of.shape as Record<string, z.ZodType>;
  const spelled = new Map(Object.keys(shape).map((key) => [key.toLowerCase(), key]));
  const found = new Map<string, unknown>();
  for (const [given, content] of Object.entries(value)) {
    const key = spelled.get(given.toLowerCase()) ?? given;
    if (found.has(key)) throw invalid(`${path}${key}: it is given twice`);
    const schemaOfKey = shape[key];
    found.set(key, schemaOfKey === undefined ? content : withKnownKeys(content, schemaOfKey, `${path}${key}.`));
  }
  return Object.fromEntries(found);
}

const isOptional = (of: z.ZodType): of is z.ZodDefault | z.ZodPrefault | z.ZodOptional =>
  of instanceof z.ZodDefault || of instanceof z.ZodPrefault || of instanceof z.ZodOptional;

const invalid = (why: string): PodwireError => new PodwireError('AddressingInvalid', `contiv.yaml: ${why}`);
