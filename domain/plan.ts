/**
 * From what is and what is wished to what is to be done: pure, so that it can be tested by tables and properties.
 *
 * Detaches come first, then attaches in annotation order. An interface that is detached and attached again is one lane, so that
 * nobody else waits for it.
 */
import {
  isKept,
  type ForeignInterface,
  type KnownAttachment,
  type Observation,
  type WishedAttachment,
} from './observation.ts';
import { CLUSTER_SCOPE, networkKey, type NetworkRef } from './network-selection.ts';

/** Everything to be done for one interface name, in this order. */
export interface Lane {
  readonly interfaceName: string;
  readonly remove: readonly KnownAttachment[];
  /** Alone in its lane: what follows is decided when it is podwire's. */
  readonly takeOver?: ForeignInterface & { readonly sandboxId: string };
  /** An edit that was not carried through and is not wished any more, or was refused: the link becomes again what it was (ADR 18). */
  readonly takeBack?: KnownAttachment;
  readonly attach?: {
    readonly wish: WishedAttachment;
    readonly sandboxId: string;
    /** An attached link of the same network with another tunnel stays until this one can take its place (ADR 35). */
    readonly swaps?: true;
  };
}

export type Plan =
  /** A sandbox is needed and not known: look it up on the node, then observe again. */
  | { readonly kind: 'lookup-sandbox' }
  | {
      readonly kind: 'lanes';
      readonly lanes: readonly Lane[];
      /** Some attach has to wait until these lanes have ended: observe again then. */
      readonly more: boolean;
      /** Wishes for an interface that a network which stays (ADR 35) holds on to. */
      readonly held: readonly { readonly wish: WishedAttachment; readonly by: NetworkRef }[];
    };

/** An attached VXLAN link whose network moved to another id, port or parent. */
const isSwap = (record: KnownAttachment, wish: WishedAttachment): boolean =>
  record.kind === 'vxlan' &&
  wish.kind === 'vxlan' &&
  record.phase !== 'removing' &&
  record.interfaceName === wish.interfaceName &&
  networkKey(record.network) === networkKey(wish.network) &&
  record.tunnelHash !== wish.tunnelHash;

/** A link whose interface is still asked for, in a way that was refused (ADR 18). */
const isRefusedEdit = (record: KnownAttachment, wished: readonly WishedAttachment[]): boolean =>
  (record.phase === 'attached' || record.hasLastGood === true) &&
  wished.some(
    (wish) =>
      wish.refused !== undefined &&
      wish.kind === record.kind &&
      wish.interfaceName === record.interfaceName &&
      // The name of a VXLAN interface is its network's, that of a CNI interface may be given to any network.
      (wish.kind === 'cni' || networkKey(wish.network) === networkKey(record.network)),
  );

/** Decides what to do; the result depends on nothing but the observation. */
export function plan(observation: Observation): Plan {
  const live = observation.presence === 'live';
  const wished = live ? observation.wished : [];
  const known = observation.known;
  const missing = wished.filter((wish) => wish.refused === undefined && !isAttached(wish, observation));
  const held = missing.flatMap((wish) => {
    const by = holderOf(wish, wished, observation);
    return by === undefined ? [] : [{ wish, by: by.network }];
  });
  const free = missing.filter((wish) => !held.some((other) => other.wish === wish));
  const takeOver = live ? (observation.takeOver ?? []) : [];
  if (free.length + takeOver.length > 0 && observation.sandboxId === undefined) return { kind: 'lookup-sandbox' };
  // A pod that waits or whose sandbox is unknown may come back as it was: nothing is removed on a half view.
  const removable =
    observation.presence === 'waiting' ? [] : known.filter((record) => mustGo(record, wished, observation));
  const attachable = free.filter((wish) => !isMoving(wish, removable));
  const left = live ? known.filter((record) => isHalfDone(record, observation)) : [];
  const takenBack = left.filter(
    (record) => !removable.includes(record) && !attachable.some((wish) => wish.interfaceName === record.interfaceName),
  );

  const lanes = new Map<string, Lane>();
  for (const record of removable) {
    const lane = lanes.get(record.interfaceName);
    lanes.set(record.interfaceName, { interfaceName: record.interfaceName, remove: [...(lane?.remove ?? []), record] });
  }
  for (const record of takenBack) {
    const { interfaceName } = record;
    lanes.set(interfaceName, { interfaceName, remove: lanes.get(interfaceName)?.remove ?? [], takeBack: record });
  }
  const detaches = [...lanes.values()].filter(
    (lane) => !attachable.some((wish) => wish.interfaceName === lane.interfaceName),
  );
  const attaches = attachable.map((wish): Lane => ({
    interfaceName: wish.interfaceName,
    remove: lanes.get(wish.interfaceName)?.remove ?? [],
    attach: {
      wish,
      sandboxId: observation.sandboxId ?? '',
      ...(known.some((record) => staysForSwap(record, wish, observation)) ? { swaps: true as const } : {}),
    },
  }));
  const takeOvers = takeOver
    .filter(({ interfaceName }) => ![...detaches, ...attaches].some((lane) => lane.interfaceName === interfaceName))
    .map((foreign): Lane => {
      const { interfaceName } = foreign;
      return { interfaceName, remove: [], takeOver: { ...foreign, sandboxId: observation.sandboxId ?? '' } };
    });
  return {
    kind: 'lanes',
    lanes: [...detaches, ...attaches, ...takeOvers],
    more: attachable.length < free.length,
    held,
  };
}

/**
 * Whether an attachment stays and could not be made anew, were its link gone: it is only kept (ADR 35), for want of a wish that can be
 * read and carried out.
 */
export function isOnlyKept(record: KnownAttachment, observation: Observation): boolean {
  const { wished } = observation;
  if (mustGo(record, wished, observation)) return false;
  // It is made anew as it was; of a CNI network only once it can be what is asked for.
  if (record.kind === 'vxlan' && isRefusedEdit(record, wished)) return false;
  return !wished.some(
    (wish) =>
      wish.refused === undefined &&
      wish.interfaceName === record.interfaceName &&
      (isSameTunnel(record, wish) || staysForEdit(record, wish, observation)),
  );
}

function isAttached(wish: WishedAttachment, { known, node, sandboxId }: Observation): boolean {
  return known.some(
    (record) =>
      record.phase === 'attached' &&
      record.unverified !== true &&
      record.interfaceName === wish.interfaceName &&
      record.linkHash === wish.linkHash &&
      networkKey(record.network) === networkKey(wish.network) &&
      record.node === node &&
      (sandboxId === undefined || record.sandboxId === sandboxId),
  );
}

/**
 * Whether the wish's CNI network is being taken from another interface of the pod. What belongs to the network only once, an address or
 * a device, has to be given back first.
 */
function isMoving(wish: WishedAttachment, removable: readonly KnownAttachment[]): boolean {
  return removable.some(
    (record) =>
      record.kind === 'cni' &&
      record.interfaceName !== wish.interfaceName &&
      networkKey(record.network) === networkKey(wish.network),
  );
}

/** The attachment of another network that stays (ADR 35) and has the interface: an intent would overwrite its record. */
function holderOf(
  wish: WishedAttachment,
  wished: readonly WishedAttachment[],
  observation: Observation,
): KnownAttachment | undefined {
  return observation.known.find(
    (record) =>
      record.interfaceName === wish.interfaceName &&
      !isSameTunnel(record, wish) &&
      !staysForEdit(record, wish, observation) &&
      !mustGo(record, wished, observation),
  );
}

function isSameTunnel(record: KnownAttachment, wish: WishedAttachment): boolean {
  return networkKey(wish.network) === networkKey(record.network) && wish.tunnelHash === record.tunnelHash;
}

/** What a swap leaves in place until then: a link that was once read back, in this very sandbox. */
const staysForSwap = (record: KnownAttachment, wish: WishedAttachment, { node, sandboxId }: Observation): boolean =>
  isSwap(record, wish) && record.completed && record.node === node && record.sandboxId === sandboxId;

/** What stays until something else can take its place: the step that makes that takes this one away first, and it is made again if that fails. */
const staysForEdit = (record: KnownAttachment, wish: WishedAttachment, observation: Observation): boolean =>
  staysForSwap(record, wish, observation) || staysForPlugins(record, wish, observation);

/** A CNI interface that is to get another network, or the same one otherwise. Nobody else waits for what its network has only once. */
function staysForPlugins(record: KnownAttachment, wish: WishedAttachment, observation: Observation): boolean {
  const { node, sandboxId, known, wished } = observation;
  if (record.kind !== 'cni' || wish.kind !== 'cni' || record.interfaceName !== wish.interfaceName) return false;
  if (!record.completed || record.phase === 'removing' || isKept(record, observation)) return false;
  if (record.node !== node || record.sandboxId !== sandboxId) return false;
  const isElsewhere = (other: KnownAttachment | WishedAttachment, { network }: KnownAttachment | WishedAttachment) =>
    other.kind === 'cni' &&
    other.interfaceName !== record.interfaceName &&
    networkKey(other.network) === networkKey(network);
  const leaves = known.some(
    (other) =>
      isElsewhere(other, wish) &&
      !wished.some(
        ({ interfaceName, linkHash }) => interfaceName === other.interfaceName && linkHash === other.linkHash,
      ),
  );
  const comes = wished.some(
    (other) => isElsewhere(other, record) && other.refused === undefined && !isAttached(other, observation),
  );
  return !leaves && !comes;
}

/** An edit of a link that is in this very sandbox, begun and not carried through. */
const isHalfDone = (record: KnownAttachment, { node, sandboxId }: Observation): boolean =>
  record.phase === 'intent' && record.hasLastGood === true && record.node === node && record.sandboxId === sandboxId;

function mustGo(record: KnownAttachment, wished: readonly WishedAttachment[], observation: Observation): boolean {
  if (observation.presence !== 'live') return true;
  if (record.node !== observation.node) return true;
  if (observation.sandboxId !== undefined && record.sandboxId !== observation.sandboxId) return true;
  if (record.phase === 'removing') return true;
  if (isKept(record, observation)) return false;
  const wishes = wished.filter((candidate) => candidate.interfaceName === record.interfaceName);
  return givesWay(record, wishes, observation);
}

/** Whether an attachment goes because of what is wished for its interface. */
function givesWay(record: KnownAttachment, wishes: readonly WishedAttachment[], observation: Observation): boolean {
  // Two dialects may want one interface: who was refused for it says nothing about the one who has it.
  const wish = wishes.find(({ refused }) => refused === undefined) ?? wishes[0];
  if (wish === undefined) return true;
  // Before the refusal, for it is this very record that the wish was refused for.
  if (lostItsDeclaration(record, wish)) return false;
  // The same tunnel with other addresses is changed in place; another one takes its place later.
  if (wish.refused === undefined) return !staysForEdit(record, wish, observation) && !isSameTunnel(record, wish);
  // A network whose edit is refused keeps what it has.
  return !isRefusedEdit(record, wishes);
}

/** The ConfigMap entry vanished while the pod names the same id itself: what is attached stays in the cluster's network (ADR 35). */
function lostItsDeclaration({ network, tunnelHash }: KnownAttachment, wish: WishedAttachment): boolean {
  return (
    network.scope === CLUSTER_SCOPE &&
    wish.network.scope !== CLUSTER_SCOPE &&
    network.name === wish.network.name &&
    tunnelHash === wish.tunnelHash
  );
}
