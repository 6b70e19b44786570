/** The CustomResourceDefinitions of podwire's own kinds, made from the schema that reads the objects. */
import { z } from 'zod';
import { NETWORK_OBJECTS, networkSpecSchema } from '../../adapters/kubernetes/network-objects.ts';
import { networkStatusSchema } from '../../adapters/kubernetes/network-status.ts';
import { OPTION_NAMES } from '../../domain/openvnf/names.ts';

interface OwnKind {
  readonly file: string;
  readonly kind: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly shortName: string;
  readonly description: string;
}

const KINDS: readonly OwnKind[] = [
  {
    ...{ file: 'network.yaml', kind: 'Network', scope: 'Namespaced', shortName: 'pwnet' },
    description:
      'An overlay network of one namespace. A NetworkAttachmentDefinition of that namespace with the configuration {"cniVersion":"1.0.0","type":"podwire","network":"NAME"} attaches pods to it.',
  },
  {
    ...{ file: 'cluster-network.yaml', kind: 'ClusterNetwork', scope: 'Cluster', shortName: 'pwcnet' },
    description:
      'An overlay network of the whole cluster. A NetworkAttachmentDefinition of any namespace with the configuration {"cniVersion":"1.0.0","type":"podwire","network":"NAME"} attaches pods to it.',
  },
];

/** Each file of deploy/base/crds that is made here, with its object. */
export const ownDefinitions = (): readonly { readonly file: string; readonly manifest: object }[] =>
  KINDS.map((own) => ({ file: own.file, manifest: definitionOf(own) }));

function definitionOf({ kind, scope, shortName, description }: OwnKind): object {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${NETWORK_OBJECTS.group}` },
    spec: {
      group: NETWORK_OBJECTS.group,
      scope,
      names: {
        ...{ kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
        ...{ shortNames: [shortName], categories: ['podwire'] },
      },
      versions: [
        {
          ...{ name: NETWORK_OBJECTS.version, served: true, storage: true },
          additionalPrinterColumns: columns(),
          subresources: { status: {} },
          schema: { openAPIV3Schema: objectSchema(description) },
        },
      ],
    },
  };
}

const condition = (type: string, field: string): string => `.status.conditions[?(@.type=="${type}")].${field}`;

const columns = (): object[] => [
  { name: 'VNI', type: 'integer', jsonPath: '.status.vni', description: 'VXLAN network identifier that it has' },
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode', description: 'Where the VXLAN devices are' },
  { name: 'Port', type: 'integer', jsonPath: '.spec.port', description: 'UDP port of the tunnels', priority: 1 },
  { name: 'MTU', type: 'integer', jsonPath: '.spec.mtu', description: 'Largest packet in bytes', priority: 1 },
  { name: 'Members', type: 'integer', jsonPath: '.status.members', description: 'Interfaces that are members' },
  { name: 'Nodes', type: 'integer', jsonPath: '.status.nodes', description: 'Nodes with members', priority: 1 },
  { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status'), description: 'Pods can be attached' },
  { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason'), description: 'Why', priority: 1 },
  { name: 'Subnet', type: 'string', jsonPath: '.spec.subnets[0].cidr', description: 'The first subnet' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** Names that annotations of every dialect can write. */
const NAME = { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' };
const OPTIONS = [...OPTION_NAMES, 'peer'];
const NAME_RULE = {
  rule: `!(self.metadata.name in [${OPTIONS.map((option) => `'${option}'`).join(', ')}])`,
  message: `metadata.name must be no option of kube-vxlan-controller's annotation: ${OPTIONS.join(', ')}`,
};

const objectSchema = (description: string): object => ({
  description,
  type: 'object',
  required: ['spec'],
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object', properties: { name: NAME } },
    spec: structural(z.toJSONSchema(networkSpecSchema, { io: 'input' })),
    status: structural(z.toJSONSchema(networkStatusSchema, { io: 'input' })),
  },
  'x-kubernetes-validations': [NAME_RULE],
});

/** A structural schema has no `$schema`, and an object with properties none beside: the API server drops or refuses what is unknown. */
function structural(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structural);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      key === '$schema' || (key === 'additionalProperties' && inner === false) ? [] : [[key, structural(inner)]],
    ),
  );
}
