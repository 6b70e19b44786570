/** Settings of the mesh between nodes whose pods are on the primary network. */
import { z } from 'zod';
import { ipCodec } from '../adapters/ip/ip-codec.ts';
import { linkName } from '../adapters/links/link-values.ts';
import type { DirectRouting } from '../domain/primary/node-mesh.ts';
import { HOST_NAME } from '../domain/primary/pod-wiring.ts';
import { familyOf } from '../domain/vxlan/link-mtu.ts';
import type { SettingsTable, Values } from './cli-flags.ts';
import { switched } from './common.ts';

export interface PrimaryMeshConfig {
  readonly device: string;
  readonly vni: number;
  readonly dstPort: number;
  /** undefined: the link with the node's address. */
  readonly parent: string | undefined;
  /** One of each family at most; undefined: those of the Node object. */
  readonly nodeAddresses: readonly string[] | undefined;
  /** undefined: as contiv.yaml says. */
  readonly directRouting: DirectRouting | undefined;
  readonly macs: 'subnet' | 'contiv';
  /** Nodes are known by their Node objects before etcd knows them. */
  readonly nodeObjects: boolean;
  /** undefined: as contiv.yaml says. */
  readonly masquerade: boolean | undefined;
  /** `address/prefix`. */
  readonly keepSource: readonly string[];
}

const link = z
  .string()
  .refine((text) => isLinkName(text), 'must be a letter or digit, then up to 14 of a-z A-Z 0-9 . _ -');

const parts = (text: string): string[] => text.split(',').map((part) => part.trim());

const addresses = z
  .string()
  .transform((text) => parts(text).map((part) => ipCodec.address(part)?.canonical ?? part))
  .refine(
    (all) => all.every((each) => ipCodec.address(each) !== undefined),
    'must be IP addresses, separated by commas',
  )
  .refine((all) => new Set(all.map(familyOf)).size === all.length, 'must be one address of each family at most');

const networks = z
  .string()
  .default('')
  .transform((text) => (text === '' ? [] : parts(text).map((part) => ipCodec.network(part)?.canonical ?? part)))
  .refine(
    (all) => all.every((each) => ipCodec.network(each) !== undefined),
    'must be address/prefix, separated by commas',
  );

export const primaryMeshSettings = {
  primaryDevice: {
    flag: 'primary-device',
    env: 'PODWIRE_PRIMARY_DEVICE',
    schema: link
      .refine((text) => !text.startsWith(HOST_NAME), `must not begin with ${HOST_NAME}, as the links of pods do`)
      .default('podwire0'),
    help: "the node's VXLAN device, by which its pods reach those of other nodes",
  },
  primaryVni: {
    flag: 'primary-vni',
    env: 'PODWIRE_PRIMARY_VNI',
    schema: z.coerce.number().int().min(1).max(16_777_215).default(10),
    help: 'VNI of the tunnels between nodes, the same on all nodes',
  },
  primaryPort: {
    flag: 'primary-port',
    env: 'PODWIRE_PRIMARY_PORT',
    schema: z.coerce.number().int().min(1).max(65_535).default(4789),
    help: 'UDP port of the tunnels between nodes, the same on all nodes',
  },
  primaryParent: {
    flag: 'primary-parent',
    env: 'PODWIRE_PRIMARY_PARENT',
    schema: link.optional(),
    help: "link to the other nodes, whose MTU tunnels have to fit into; none: the one with the node's address",
  },
  primaryNodeAddress: {
    flag: 'primary-node-address',
    env: 'PODWIRE_PRIMARY_NODE_ADDRESS',
    schema: addresses.optional(),
    help: "addresses by which other nodes reach this one, one of each family at most, separated by a comma; none: the Node object's InternalIPs",
  },
  primaryDirectRouting: {
    flag: 'primary-direct-routing',
    env: 'PODWIRE_PRIMARY_DIRECT_ROUTING',
    schema: z.enum(['auto', 'always', 'never']).optional(),
    help: 'auto: no tunnel to nodes in the same subnet; always: no tunnels, pods of other nodes are reached by routers of yours; never: all by tunnels; the same on all nodes; none: as --primary-contiv-config says, or never',
  },
  primaryMacs: {
    flag: 'primary-macs',
    env: 'PODWIRE_PRIMARY_MACS',
    schema: z.enum(['subnet', 'contiv']).default('subnet'),
    help: "MAC of the node's VXLAN device: subnet, by its pods' addresses; contiv, by its ID as contiv has it, which needs --primary-contiv-config",
  },
  primaryNodeObjects: {
    flag: 'primary-node-objects',
    env: 'PODWIRE_PRIMARY_NODE_OBJECTS',
    schema: switched(false),
    help: 'true: other nodes are reached by what their Node objects say until etcd knows them, for an etcd that is itself reached by this network; needs the right to list nodes, and podCIDRs instead of --primary-contiv-config',
  },
  primaryMasquerade: {
    flag: 'primary-masquerade',
    env: 'PODWIRE_PRIMARY_MASQUERADE',
    schema: z
      .enum(['true', 'false'])
      .transform((text) => text === 'true')
      .optional(),
    help: "true: what pods send out of the cluster leaves with their node's address; none: as --primary-contiv-config says, or true",
  },
  primaryKeepSource: {
    flag: 'primary-keep-source',
    env: 'PODWIRE_PRIMARY_KEEP_SOURCE',
    schema: networks,
    help: 'networks outside of the cluster that pods call with their own addresses, separated by commas: they have a way back to these',
  },
} as const satisfies SettingsTable;

export const primaryMeshOf = (values: Values<typeof primaryMeshSettings>): PrimaryMeshConfig => ({
  device: values.primaryDevice,
  vni: values.primaryVni,
  dstPort: values.primaryPort,
  parent: values.primaryParent,
  nodeAddresses: values.primaryNodeAddress,
  directRouting: values.primaryDirectRouting,
  macs: values.primaryMacs,
  nodeObjects: values.primaryNodeObjects,
  masquerade: values.primaryMasquerade,
  keepSource: values.primaryKeepSource,
});

function isLinkName(text: string): boolean {
  try {
    return linkName(text) === text;
  } catch {
    return false;
  }
}
