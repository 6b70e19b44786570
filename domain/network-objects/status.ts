/** What is published of a network object, and what its run does next. Pure: the run decides with it (ADR 62). */
import type { DefinitionRef, NetworkDefinition } from '../cni/network-definition.ts';
import type { NetworkObject, NetworkUse, Reservation, Wanted } from '../ports/network-objects.ts';

export interface NetworkObjectRef extends DefinitionRef {
  readonly uid: string;
}

export const CONDITION_TYPES = ['Ready', 'Conflict', 'Degraded'] as const;

interface NetworkCondition {
  readonly type: (typeof CONDITION_TYPES)[number];
  readonly status: 'True' | 'False';
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface NetworkStatus {
  readonly observedGeneration: number;
  /** That the network has for itself. */
  readonly vni?: number;
  readonly members: number;
  /** With members. */
  readonly nodes: number;
  /** That members have. */
  readonly addresses: number;
  /** Every node with members has followed them. */
  readonly meshComplete: boolean;
  readonly conditions: readonly NetworkCondition[];
}

/** What an activity found. Absent `object`: there is none of this UID any more. */
export interface ObjectObservation {
  readonly object?: {
    readonly kind: DefinitionRef['kind'];
    readonly generation: number;
    readonly deleting: boolean;
    readonly held: boolean;
    readonly status?: NetworkStatus;
    /** What its spec asks for, or what is wrong with it. */
    readonly wanted: Wanted | { readonly why: string };
    /** Of the ConfigMap that has the VNI that the object asks for, or that podwire gave it before. */
    readonly declaredAs?: string;
  };
  readonly use: NetworkUse;
}

export type RefusedReservation = Exclude<Reservation, { readonly kind: 'reserved' }>;

export type ObjectStep =
  | { readonly kind: 'hold'; readonly held: boolean }
  | { readonly kind: 'reserve'; readonly wanted: Wanted }
  | { readonly kind: 'release' }
  | { readonly kind: 'publish'; readonly status: NetworkStatus }
  /** `isSettled`: nothing is to be looked for before somebody tells of a change. */
  | { readonly kind: 'rest'; readonly isSettled: boolean };

/**
 * The next step of a run. The finalizer comes before the VNI and goes after it: whatever a crash leaves behind, the object is there and its
 * next run finds it.
 * @param refused what the last try to reserve came to in this round
 */
export function nextStep({ object, use }: ObjectObservation, refused?: RefusedReservation): ObjectStep {
  if (object === undefined) return use.tunnel === undefined ? SETTLED : { kind: 'release' };
  const leaving = object.deleting || use.tornDown;
  // In an etcd that was begun anew nobody is attached until the pods have recorded what they have. What the status says stays as well: by its
  // VNI they find their network again.
  if (object.deleting && !use.isWhole && !use.tornDown) return { kind: 'rest', isSettled: false };
  const step = leaving ? stepOfLeaving(object, use) : stepToServe(object, use, refused);
  if (step !== undefined) return step;
  const status = statusOf({ object, use }, refused);
  if (object.status === undefined || !isSame(status, object.status)) return { kind: 'publish', status };
  const waits = leaving || refused !== undefined || object.declaredAs !== undefined || use.behind.length > 0;
  return { kind: 'rest', isSettled: !waits };
}

type SeenObject = NonNullable<ObjectObservation['object']>;

/** Undefined: somebody is attached. */
function stepOfLeaving({ held }: SeenObject, { attached, tunnel }: NetworkUse): ObjectStep | undefined {
  if (attached > 0) return undefined;
  if (tunnel !== undefined) return { kind: 'release' };
  return held ? { kind: 'hold', held: false } : SETTLED;
}

/** Undefined: the object has what it can have. */
function stepToServe(
  { held, wanted, declaredAs }: SeenObject,
  { tunnel }: NetworkUse,
  refused: RefusedReservation | undefined,
): ObjectStep | undefined {
  if (!held) return { kind: 'hold', held: true };
  const mayReserve = refused === undefined && declaredAs === undefined;
  return mayReserve && 'port' in wanted && !holds(tunnel, wanted) ? { kind: 'reserve', wanted } : undefined;
}

const SETTLED: ObjectStep = { kind: 'rest', isSettled: true };

/** What podwire gave stays given, whatever the status says. */
function holds(tunnel: string | undefined, { port, given }: Wanted): boolean {
  if (tunnel === undefined) return false;
  return given === undefined ? tunnel.startsWith(`${port}/`) : tunnel === `${port}/${given}`;
}

type Observed = ObjectObservation & { readonly object: SeenObject };

function statusOf({ object, use }: Observed, refused: RefusedReservation | undefined): NetworkStatus {
  const { members, nodes, addresses, behind, tunnel } = use;
  const conflict = conflictOf(object, tunnel, refused);
  const vni = vniIn(tunnel) ?? (object.deleting ? object.status?.vni : undefined);
  return {
    observedGeneration: object.generation,
    // Of an object that was being deleted when an etcd was lost, its members alone hold it afterwards.
    ...(vni === undefined ? {} : { vni }),
    ...{ members, nodes, addresses, meshComplete: behind.length === 0 },
    conditions: [
      readyOf(object, use, conflict, refused),
      conflict ?? {
        ...{ type: 'Conflict', status: 'False', reason: 'NoConflict' },
        message: 'no other network has the VNI',
      },
      degradedOf(behind),
    ],
  };
}

function readyOf(
  { kind, deleting, wanted }: SeenObject,
  { tornDown, attached, pods }: NetworkUse,
  conflict: NetworkCondition | undefined,
  refused: RefusedReservation | undefined,
): NetworkCondition {
  const not = (reason: string, message: string): NetworkCondition => ({
    ...{ type: 'Ready', status: 'False', reason, message },
  });
  if (deleting || tornDown) {
    const why = deleting ? 'the object goes when nobody is attached' : 'podwire is being taken out of the cluster';
    return not(deleting ? 'DeletionWaits' : 'TornDown', `${why}; attached: ${attachedText(attached, pods)}`);
  }
  if ('why' in wanted) return not('NetworkBroken', wanted.why);
  // Of two networks that are declared for the cluster with one VNI, this one may be the one that has it.
  const isOpen = kind === 'cluster-network' && conflict?.reason === DECLARED_TWICE;
  if (conflict !== undefined && !isOpen) return not(conflict.reason, conflict.message);
  if (refused !== undefined)
    return not('VniRangeExhausted', 'no VNI of the range that podwire gives from (PODWIRE_VNI_RANGE) is free');
  return { type: 'Ready', status: 'True', reason: 'Serving', message: 'pods can be attached' };
}

const DECLARED_TWICE = 'VniDeclaredTwice';

const vniIn = (tunnel: string | undefined): number | undefined =>
  tunnel === undefined ? undefined : Number(tunnel.slice(tunnel.indexOf('/') + 1));

function conflictOf(
  { declaredAs, wanted }: SeenObject,
  tunnel: string | undefined,
  refused: RefusedReservation | undefined,
): NetworkCondition | undefined {
  const conflict = (reason: string, message: string): NetworkCondition => ({
    ...{ type: 'Conflict', status: 'True', reason, message },
  });
  if (declaredAs !== undefined && 'port' in wanted) {
    const why = `the ConfigMap of kube-vxlan-controller's networks has VNI ${wanted.given ?? vniIn(tunnel) ?? 0} (UDP port ${wanted.port}) for network "${declaredAs}"; of two that are declared for the cluster, the first that is in use has it`;
    return conflict(DECLARED_TWICE, why);
  }
  if (refused?.kind !== 'taken') return undefined;
  const why = `VNI ${refused.vni} belongs to network ${refused.owner}; the object's pods are attached when it is free`;
  return conflict('VniTaken', why);
}

function degradedOf(behind: readonly string[]): NetworkCondition {
  if (behind.length === 0)
    return {
      type: 'Degraded',
      status: 'False',
      reason: 'MeshComplete',
      message: 'every node has followed the members',
    };
  const message = `nodes that have not followed the members: ${firstOf(behind, behind.length)}`;
  return { type: 'Degraded', status: 'True', reason: 'NodesBehind', message };
}

/** How many names a message has. */
export const NAMED = 10;

const firstOf = (names: readonly string[], all: number): string => {
  const some = names.slice(0, NAMED);
  return `${some.join(', ')}${all > some.length ? ` and ${all - some.length} more` : ''}`;
};

const attachedText = (attached: number, pods: readonly string[]): string => `${attached} (${firstOf(pods, attached)})`;

/** Field by field: the API gives back what it has in an order of its own. */
function isSame(one: NetworkStatus, other: NetworkStatus): boolean {
  return textOf(one) === textOf(other);
}

const textOf = ({ observedGeneration, vni, members, nodes, addresses, meshComplete, conditions }: NetworkStatus) =>
  JSON.stringify([
    ...[observedGeneration, vni ?? 0, members, nodes, addresses, meshComplete],
    ...conditions.map(({ type, status, reason, message }) => [type, status, reason, message]),
  ]);

/** @param object as the API has it @param declaredAs the ConfigMap's network of a VNI, if it has one */
export function observationOf(
  object: NetworkObject | undefined,
  use: NetworkUse,
  declaredAs: (port: number, vni: number) => string | undefined,
): ObjectObservation {
  if (object === undefined) return { use };
  const { definition, held, status } = object;
  const wanted = wantedOf(definition);
  const vni = 'port' in wanted ? (wanted.given ?? vniIn(use.tunnel)) : undefined;
  const name = 'port' in wanted && vni !== undefined ? declaredAs(wanted.port, vni) : undefined;
  return {
    object: {
      ...{ kind: definition.kind, generation: definition.generation ?? 0 },
      ...{ deleting: definition.deleting === true, held, wanted },
      ...(status === undefined ? {} : { status }),
      ...(name === undefined ? {} : { declaredAs: name }),
    },
    use,
  };
}

function wantedOf({ declares, allocatedVni }: NetworkDefinition): Wanted | { readonly why: string } {
  if (declares?.ok !== true) return { why: declares?.why ?? 'no spec' };
  const { vni, port } = declares.spec;
  if (vni !== undefined) return { port, given: vni };
  return { port, ...(allocatedVni === undefined ? {} : { had: allocatedVni }) };
}
