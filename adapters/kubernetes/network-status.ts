/** The status of podwire's Network and ClusterNetwork: its schema, from which the CustomResourceDefinitions have it too. */
import { z } from 'zod';
import { CONDITION_TYPES, type NetworkStatus } from '../../domain/network-objects/status.ts';
import { vniSchema } from './network-objects.ts';

const MAX_TEXT = 32_768;
const count = (description: string) => z.int().min(0).meta({ description });

const condition = z
  .strictObject({
    type: z.enum(CONDITION_TYPES).meta({
      description:
        'Ready: pods can be attached. Conflict: somebody else has the VNI. Degraded: nodes have not followed the members.',
    }),
    status: z.enum(['True', 'False']).meta({ description: 'Whether it is so.' }),
    reason: z.string().max(1_024).meta({ description: 'Why, as one word.' }),
    message: z.string().max(MAX_TEXT).meta({ description: 'Why, for people.' }),
    lastTransitionTime: z
      .string()
      .meta({ description: 'Since when the condition has its status.', format: 'date-time' }),
  })
  .meta({ description: 'A condition of the network.' });

export const networkStatusSchema = z
  .strictObject({
    observedGeneration: z.int().min(0).meta({ description: 'Generation of the spec that the status is about.' }),
    vni: vniSchema.meta({ description: 'The VNI that the network has for itself.' }).exactOptional(),
    members: count('Interfaces of pods that are members.'),
    nodes: count('Nodes with members.'),
    addresses: count('Addresses that members have.'),
    meshComplete: z.boolean().meta({ description: 'Every node with members has followed them.' }),
    conditions: z
      .array(condition)
      .max(CONDITION_TYPES.length)
      .meta({
        description: 'What is to be known of the network.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
  })
  .meta({ description: 'What podwire knows of the network; written by podwire.' });

export type StoredStatus = z.output<typeof networkStatusSchema>;

/** Undefined: none was written, or by a podwire whose status has another form. */
export function readNetworkStatus(value: unknown): StoredStatus | undefined {
  const found = networkStatusSchema.safeParse(value);
  return found.success ? found.data : undefined;
}

/** With the time at which each condition came to be what it is. @param now ISO 8601, whole seconds */
export function timedStatus(status: NetworkStatus, before: StoredStatus | undefined, now: string): StoredStatus {
  return {
    ...status,
    conditions: status.conditions.map((each) => {
      const earlier = before?.conditions.find(({ type }) => type === each.type);
      return { ...each, lastTransitionTime: earlier?.status === each.status ? earlier.lastTransitionTime : now };
    }),
  };
}

/** What the run compares: without times. */
export const untimed = ({ conditions, ...rest }: StoredStatus): NetworkStatus => ({
  ...rest,
  conditions: conditions.map(({ type, status, reason, message }) => ({ type, status, reason, message })),
});
