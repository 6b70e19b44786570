/**
 * From what is recorded and what is desired to what is to be done. Pure, so that tables and properties can test it.
 *
 * Detaches come first, then attaches in annotation order. An interface that is detached and attached again is one task, so that
 * no other interface waits for it.
 */
import {
  isKept,
  type ForeignInterface,
  type RecordedAttachment,
  type Observation,
  type DesiredAttachment,
} from './observation.ts';
import { isOfObject } from '../network-objects/network-object.ts';
import { CLUSTER_SCOPE, networkKey } from '../network-selection.ts';
import { heldWish, shiftedWish, type HeldWish } from './held.ts';

/** Everything to be done for one interface name, in this order. */
export interface AttachmentTask {
  readonly interfaceName: string;
  readonly remove: readonly RecordedAttachment[];
  /** Alone in its task: the next observation decides what follows, once the interface is podwire's. */
  readonly takeOver?: ForeignInterface & { readonly sandboxId: string };
  /** An edit that was not carried through and is not desired any more, or was refused: the link is rolled back to what it was (ADR 18). */
  readonly rollBack?: RecordedAttachment;
  readonly attach?: {
    readonly desired: DesiredAttachment;
    readonly sandboxId: string;
    /** An attached link of the same network with another tunnel stays until this one can take its place (ADR 35). */
    readonly swaps?: true;
  };
}

export type Plan =
  /** A sandbox is needed and not known: look it up on the node, then observe again. */
  | { readonly kind: 'lookup-sandbox' }
  | {
      readonly kind: 'tasks';
      readonly tasks: readonly AttachmentTask[];
      /** Some attach has to wait until these tasks have ended: observe again then. */
      readonly more: boolean;
      /** Desired attachments that wait for a network that stays (ADR 35). */
      readonly held: readonly HeldWish[];
    };

/** An attached VXLAN link whose network moved to another id, port or parent. */
const isSwap = (record: RecordedAttachment, desired: DesiredAttachment): boolean =>
  record.kind === 'vxlan' &&
  desired.kind === 'vxlan' &&
  record.phase !== 'removing' &&
  record.interfaceName === desired.interfaceName &&
  networkKey(record.network) === networkKey(desired.network) &&
  record.tunnelHash !== desired.tunnelHash;

/** A link whose interface is still asked for, in a way that was refused (ADR 18). */
const isRefusedEdit = (record: RecordedAttachment, allDesired: readonly DesiredAttachment[]): boolean =>
  (record.phase === 'attached' || record.hasLastGood === true) &&
  allDesired.some(
    (desired) =>
      desired.refused !== undefined &&
      desired.kind === record.kind &&
      desired.interfaceName === record.interfaceName &&
      // The name of a VXLAN interface is its network's, that of a CNI interface may be given to any network.
      (desired.kind === 'cni' || networkKey(desired.network) === networkKey(record.network)),
  );

/** Decides what to do; the result depends on nothing but the observation. */
export function plan(observation: Observation): Plan {
  const { endingSandboxId } = observation;
  return endingSandboxId === undefined ? bringInLine(observation) : release(observation, endingSandboxId);
}

function bringInLine(observation: Observation): Plan {
  const live = observation.presence === 'live';
  const allDesired = live ? observation.wished : [];
  const recorded = observation.known;
  const missing = allDesired.filter((desired) => desired.refused === undefined && !isAttached(desired, observation));
  const held = missing.flatMap((desired) => {
    const by = holderOf(desired, allDesired, observation);
    return by === undefined ? [] : [heldWish(desired, by)];
  });
  const free = missing.filter((desired) => !held.some((other) => other.desired === desired));
  const takeOver = live ? (observation.takeOver ?? []) : [];
  if (free.length + takeOver.length > 0 && observation.sandboxId === undefined) return { kind: 'lookup-sandbox' };
  // A pod that waits or whose sandbox is unknown may come back as it was: nothing is removed on a half view.
  const removable =
    observation.presence === 'waiting' ? [] : recorded.filter((record) => mustGo(record, allDesired, observation));
  const attachable = free.filter((desired) => !isMoving(desired, removable));
  const left = live ? recorded.filter((record) => isHalfDone(record, observation)) : [];
  const rolledBack = left.filter(
    (record) =>
      !removable.includes(record) && !attachable.some((desired) => desired.interfaceName === record.interfaceName),
  );

  const tasks = new Map<string, AttachmentTask>();
  for (const record of removable) {
    const task = tasks.get(record.interfaceName);
    tasks.set(record.interfaceName, { interfaceName: record.interfaceName, remove: [...(task?.remove ?? []), record] });
  }
  for (const record of rolledBack) {
    const { interfaceName } = record;
    tasks.set(interfaceName, { interfaceName, remove: tasks.get(interfaceName)?.remove ?? [], rollBack: record });
  }
  const detaches = [...tasks.values()].filter(
    (task) => !attachable.some((desired) => desired.interfaceName === task.interfaceName),
  );
  const attaches = attachable.map((desired): AttachmentTask => ({
    interfaceName: desired.interfaceName,
    remove: tasks.get(desired.interfaceName)?.remove ?? [],
    attach: {
      desired,
      sandboxId: observation.sandboxId ?? '',
      ...(recorded.some((record) => staysForSwap(record, desired, observation)) ? { swaps: true as const } : {}),
    },
  }));
  const takeOvers = takeOver
    .filter(({ interfaceName }) => ![...detaches, ...attaches].some((task) => task.interfaceName === interfaceName))
    .map((foreign): AttachmentTask => {
      const { interfaceName } = foreign;
      return { interfaceName, remove: [], takeOver: { ...foreign, sandboxId: observation.sandboxId ?? '' } };
    });
  return {
    kind: 'tasks',
    tasks: [...detaches, ...attaches, ...takeOvers],
    more: attachable.length < free.length,
    held,
  };
}

/**
 * Empties a sandbox that is being taken down, in reverse order of the attaches. Nothing is attached meanwhile: what the pod asks for is made in
 * its next sandbox, if there is one.
 */
function release({ known: recorded, wished: allDesired, presence }: Observation, sandboxId: string): Plan {
  const order = allDesired.map(({ interfaceName }) => interfaceName);
  const place = ({ interfaceName }: RecordedAttachment): number => order.indexOf(interfaceName);
  // Of a pod that may come back, what is in other sandboxes is decided when its next sandbox is known.
  const lives = presence === 'live' || presence === 'waiting';
  const going = recorded
    .filter((record) => !lives || record.sandboxId === sandboxId)
    .sort((one, other) => place(other) - place(one));
  const names = [...new Set(going.map(({ interfaceName }) => interfaceName))];
  return {
    kind: 'tasks',
    tasks: names.map((interfaceName) => ({
      interfaceName,
      remove: going.filter((record) => record.interfaceName === interfaceName),
    })),
    more: false,
    held: [],
  };
}

/**
 * Whether an attachment stays and could not be made anew, were its link gone: it is only kept (ADR 35), for want of a desired attachment
 * that can be read and made.
 */
export function isOnlyKept(record: RecordedAttachment, observation: Observation): boolean {
  const { wished: allDesired } = observation;
  if (mustGo(record, allDesired, observation)) return false;
  // A VXLAN link is made anew as it was; a CNI interface only once it can be what is asked for.
  if (record.kind === 'vxlan' && isRefusedEdit(record, allDesired)) return false;
  return !allDesired.some(
    (desired) =>
      desired.refused === undefined &&
      desired.interfaceName === record.interfaceName &&
      (isSameTunnel(record, desired) || staysForEdit(record, desired, observation)),
  );
}

function isAttached(desired: DesiredAttachment, { known: recorded, node, sandboxId }: Observation): boolean {
  return recorded.some(
    (record) =>
      record.phase === 'attached' &&
      record.unverified !== true &&
      record.interfaceName === desired.interfaceName &&
      record.linkHash === desired.linkHash &&
      networkKey(record.network) === networkKey(desired.network) &&
      record.node === node &&
      (sandboxId === undefined || record.sandboxId === sandboxId),
  );
}

/**
 * Whether the desired network's CNI network is being taken from another interface of the pod. What belongs to the network only once, an address or
 * a device, has to be given back first.
 */
function isMoving(desired: DesiredAttachment, removable: readonly RecordedAttachment[]): boolean {
  return removable.some(
    (record) =>
      record.kind === 'cni' &&
      record.interfaceName !== desired.interfaceName &&
      networkKey(record.network) === networkKey(desired.network),
  );
}

/** The attachment of another network that stays: that of the same entry, or one that has the interface, whose record an intent would overwrite. */
function holderOf(
  desired: DesiredAttachment,
  allDesired: readonly DesiredAttachment[],
  observation: Observation,
): RecordedAttachment | undefined {
  const staying = observation.known.filter((record) => !mustGo(record, allDesired, observation));
  const ofEntry = staying.find((record) => shiftedWish(record, observation) === desired);
  return (
    ofEntry ??
    staying.find(
      (record) =>
        record.interfaceName === desired.interfaceName &&
        !isSameTunnel(record, desired) &&
        !staysForEdit(record, desired, observation),
    )
  );
}

function isSameTunnel(record: RecordedAttachment, desired: DesiredAttachment): boolean {
  return networkKey(desired.network) === networkKey(record.network) && desired.tunnelHash === record.tunnelHash;
}

/** What a swap leaves in place until then: a link that was once read back, in this very sandbox. */
const staysForSwap = (
  record: RecordedAttachment,
  desired: DesiredAttachment,
  { node, sandboxId }: Observation,
): boolean => isSwap(record, desired) && record.completed && record.node === node && record.sandboxId === sandboxId;

/**
 * What stays until its replacement is made. The step that makes the replacement takes the old interface away first, and makes the old
 * one again if the replacement fails.
 */
const staysForEdit = (record: RecordedAttachment, desired: DesiredAttachment, observation: Observation): boolean =>
  staysForSwap(record, desired, observation) || staysForPlugins(record, desired, observation);

/** A CNI interface that is to get another network, or the same one otherwise. Nobody else waits for what its network has only once. */
function staysForPlugins(record: RecordedAttachment, desired: DesiredAttachment, observation: Observation): boolean {
  const { node, sandboxId, known: recorded, wished: allDesired } = observation;
  if (record.kind !== 'cni' || desired.kind !== 'cni' || record.interfaceName !== desired.interfaceName) return false;
  if (!record.completed || record.phase === 'removing' || isKept(record, observation)) return false;
  if (record.node !== node || record.sandboxId !== sandboxId) return false;
  const isElsewhere = (
    other: RecordedAttachment | DesiredAttachment,
    { network }: RecordedAttachment | DesiredAttachment,
  ) =>
    other.kind === 'cni' &&
    other.interfaceName !== record.interfaceName &&
    networkKey(other.network) === networkKey(network);
  const leaves = recorded.some(
    (other) =>
      isElsewhere(other, desired) &&
      !allDesired.some(
        ({ interfaceName, linkHash }) => interfaceName === other.interfaceName && linkHash === other.linkHash,
      ),
  );
  const comes = allDesired.some(
    (other) => isElsewhere(other, record) && other.refused === undefined && !isAttached(other, observation),
  );
  return !leaves && !comes;
}

/** An edit of a link that is in this very sandbox, begun and not carried through. */
const isHalfDone = (record: RecordedAttachment, { node, sandboxId }: Observation): boolean =>
  record.phase === 'intent' && record.hasLastGood === true && record.node === node && record.sandboxId === sandboxId;

function mustGo(
  record: RecordedAttachment,
  allDesired: readonly DesiredAttachment[],
  observation: Observation,
): boolean {
  if (observation.presence !== 'live') return true;
  if (record.node !== observation.node) return true;
  if (observation.sandboxId !== undefined && record.sandboxId !== observation.sandboxId) return true;
  if (record.phase === 'removing') return true;
  if (isKept(record, observation) || shiftedWish(record, observation) !== undefined) return false;
  const desiredHere = allDesired.filter((candidate) => candidate.interfaceName === record.interfaceName);
  return givesWay(record, desiredHere, observation);
}

/** Whether an attachment goes because of what is desired for its interface. */
function givesWay(
  record: RecordedAttachment,
  desiredHere: readonly DesiredAttachment[],
  observation: Observation,
): boolean {
  // Two dialects may want one interface: who was refused for it says nothing about the one who has it.
  const desired = desiredHere.find(({ refused }) => refused === undefined) ?? desiredHere[0];
  if (desired === undefined) return true;
  // Before the refusal, for it is this very record that the desired network was refused for.
  if (lostItsDeclaration(record, desired)) return false;
  // The same tunnel with other addresses is changed in place; another one takes its place later.
  if (desired.refused === undefined)
    return !staysForEdit(record, desired, observation) && !isSameTunnel(record, desired);
  // A network whose edit is refused keeps what it has.
  return !isRefusedEdit(record, desiredHere);
}

/** The ConfigMap entry vanished while the pod names the same id itself: what is attached stays in the cluster's network (ADR 35). */
function lostItsDeclaration({ network, tunnelHash }: RecordedAttachment, desired: DesiredAttachment): boolean {
  return (
    network.scope === CLUSTER_SCOPE &&
    desired.network.scope !== CLUSTER_SCOPE &&
    !isOfObject(desired.network) &&
    network.name === desired.network.name &&
    tunnelHash === desired.tunnelHash
  );
}
