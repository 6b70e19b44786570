/**
 * Entries that have come to mean another network although nobody edited the pod. What is attached for them stays until the pod or the entry goes
 * (ADRs 6 and 35), and what they mean now is held.
 */
import { CLUSTER_SCOPE, networkKey, type NetworkRef } from '../network-selection.ts';
import { declarerText, isOfObject } from '../network-objects/network-object.ts';
import type { FailureCode } from '../failures.ts';
import type { StepFailure } from '../records.ts';
import { definitionIn } from './keep.ts';
import type { DesiredAttachment, Observation, RecordedAttachment } from './observation.ts';

/** What made an entry mean another network: its definition was edited or leads to another object, or somebody else declares its name. */
type Cause = 'definition' | 'declaration';

/** A desired attachment whose interface, or the interface of whose entry, belongs to a network that stays. */
export interface HeldWish {
  readonly desired: DesiredAttachment;
  readonly by: NetworkRef;
  /** Absent: the attachment is kept for want of a right declaration. */
  readonly shift?: { readonly cause: Cause; readonly interfaceName: string };
}

/** Undefined: the desired attachment is of another entry, or the entry means what it meant. */
function causeOf(
  { kind, keepName, network }: RecordedAttachment,
  desired: Pick<DesiredAttachment, 'askedAs' | 'kind' | 'network'>,
): Cause | undefined {
  if (desired.askedAs !== keepName) return undefined;
  if (definitionIn(keepName) !== undefined)
    return desired.kind !== kind || networkKey(desired.network) !== networkKey(network) ? 'definition' : undefined;
  const moved = network.scope !== desired.network.scope && isDeclared(network) && isDeclared(desired.network);
  return moved ? 'declaration' : undefined;
}

/** Who edits an annotation that declares a network itself asks for something else. */
const isDeclared = (network: NetworkRef): boolean => network.scope === CLUSTER_SCOPE || isOfObject(network);

/** What the entry of an attached interface means now, where nobody edited the pod for it; undefined: what it meant, or there is no entry. */
export function shiftedWish(
  record: RecordedAttachment,
  { wished, known }: Pick<Observation, 'wished' | 'known'>,
): DesiredAttachment | undefined {
  // An attach that never ended is none that could stay.
  if (record.phase !== 'attached' && record.hasLastGood !== true) return undefined;
  const shifted = wished.filter((desired) => causeOf(record, desired) !== undefined);
  const isOfOther = (desired: DesiredAttachment): boolean =>
    known.some(
      ({ keepName, interfaceName, node, sandboxId }) =>
        keepName === record.keepName &&
        interfaceName === desired.interfaceName &&
        node === record.node &&
        sandboxId === record.sandboxId,
    );
  return (
    shifted.find((desired) => desired.interfaceName === record.interfaceName) ??
    shifted.find((desired) => !isOfOther(desired))
  );
}

export function heldWish(desired: DesiredAttachment, by: RecordedAttachment): HeldWish {
  const cause = causeOf(by, desired);
  const { network, interfaceName } = by;
  return { desired, by: network, ...(cause === undefined ? {} : { shift: { cause, interfaceName } }) };
}

const INTERFACE_CONFLICT: FailureCode = 'InterfaceConflict';
const EDITED: FailureCode = 'DefinitionEdited';
const ELSEWHERE: FailureCode = 'DeclaredElsewhere';

/** Whether a refusal says no more than what the next plan sees by itself: the interface that stays may have gone with its sandbox. */
export const isDecidedAnew = (code: string): boolean => code === EDITED || code === ELSEWHERE;

const UNTIL =
  'it keeps what it has until the pod or the entry goes: make the pod anew, or take the entry out of the annotation and put it in again';

/** As the pod's owner is told. */
export function heldFailure({ desired, by, shift }: HeldWish): StepFailure {
  const { network, kind, askedAs = '' } = desired;
  const interfaceName = shift?.interfaceName ?? desired.interfaceName;
  const has = networkKey(by);
  if (shift?.cause === 'definition') {
    const definition = definitionIn(askedAs) ?? '';
    const stays = definition === has ? 'stays as its plugin made it' : `stays in network ${has}`;
    const now = kind === 'cni' ? 'is for a CNI plugin' : `leads to network ${networkKey(network)}`;
    const message = `interface ${interfaceName} ${stays}: definition ${definition} has come to mean something else since: it ${now} now, which holds for later attachments; ${UNTIL}`;
    return { code: EDITED, message };
  }
  if (shift?.cause === 'declaration') {
    const message = `interface ${interfaceName} stays in network ${has}, which ${declarerText(by)} declared: ${network.name} is declared by ${declarerText(network)} now, which holds for later attachments; ${UNTIL}`;
    return { code: ELSEWHERE, message };
  }
  return {
    code: INTERFACE_CONFLICT,
    message: `interface ${interfaceName} is kept by network ${has}, which stays attached until its declaration is right again; choose another interface name or correct that network`,
  };
}
