/** Names a pod's selections: every interface gets a name, and one of two dialects gets the interface that both want. */
import type { FailureCode } from '../../domain/failures.ts';
import { interfaceNames, isGeneratedName, passedOver } from '../../domain/plan/interface-names.ts';
import { nameIn, networkKey, type Dialect, type NetworkSelection } from '../../domain/network-selection.ts';
import { definitionIn } from '../../domain/plan/keep.ts';
import { secondBecause, secondToNetwork } from '../../domain/plan/one-network.ts';
import { askedAs, keepName } from '../../domain/plan/observation.ts';
import { dialectOf, type AttachmentRecord, type RefusalRecord, type StepFailure } from '../../domain/records.ts';
import { vtepOf, type DesiredState } from './desired-state.ts';
import { ofRecord, ofSelection, type Fingerprints } from './fingerprints.ts';

export interface NamedSelection extends Fingerprints {
  readonly selection: NetworkSelection;
  /** Place in `DesiredState.parsed.selections`. */
  readonly index: number;
  readonly interfaceName: string;
  /** As of `DesiredAttachment`. */
  readonly askedAs?: string;
  /** Another selection of the same pod has the interface. */
  readonly conflict?: StepFailure;
  /** Nobody asked for this name: if the interface is somebody else's, podwire tries another name. */
  readonly mayBeRenamed: boolean;
}

/**
 * In annotation order, dialect by dialect.
 * @param refusals of the pod: podwire does not choose a name again that turned out to be somebody else's
 */
export function namedSelections(
  hash: (text: string) => string,
  desiredState: DesiredState,
  attachments: readonly AttachmentRecord[],
  refusals: readonly RefusalRecord[],
): readonly NamedSelection[] {
  const vtep = vtepOf(desiredState.pod) ?? '';
  const { selections, foreign = [], reserved = [], inline = [] } = desiredState.parsed;
  const passed = passedOver(conflictsAmong(refusals, desiredState).map(({ interfaceName }) => interfaceName));
  const prints = selections.map((selection) => ofSelection(hash, selection, vtep));
  const known = attachments.map((record) => identityOf(record) ?? ofRecord(hash, record).linkHash);
  const identities = knownIdentities(
    selections,
    selections.map((selection, index) => identityOf(selection) ?? prints[index]?.linkHash ?? ''),
    attachments,
    known,
  );
  const names = interfaceNames(
    selections.map((selection, index) => ({
      identity: identities[index] ?? '',
      interfaceName: nameIn(selection),
      ...(selection.position === undefined ? {} : { position: selection.position }),
    })),
    attachments.map((record, index) => ({
      identity: known[index] ?? '',
      interfaceName: record.interfaceName,
      leaving: record.phase === 'removing',
    })),
    { foreign: [...foreign.map(({ interfaceName }) => interfaceName), ...passed.names], reserved },
  );
  const named = selections.map((selection, index) => ({
    selection,
    index,
    interfaceName: names[index] ?? '',
    ...(isInline(selection, inline) ? {} : { askedAs: askedAs(selection) }),
    mayBeRenamed: nameIn(selection) === '' && passed.more,
    ...(prints[index] ?? { linkHash: '', tunnelHash: '' }),
  }));
  const taken = new Map(foreign.map(({ interfaceName, network }) => [interfaceName, network]));
  const judged = named.map((desired): NamedSelection => {
    const foreignNetwork = taken.get(desired.interfaceName);
    if (foreignNetwork !== undefined) return { ...desired, conflict: takenBy(desired.interfaceName, foreignNetwork) };
    const winner = winnerOf(desired.interfaceName, named, attachments);
    return winner === desired ? desired : { ...desired, conflict: conflictWith(desired.interfaceName, winner) };
  });
  const able = judged.filter(({ conflict }) => conflict === undefined);
  const seconds = secondToNetwork(able, attachments, ORDER);
  return judged.map((desired) => {
    const first = seconds.get(desired);
    return first === undefined ? desired : { ...desired, conflict: sharesNetwork(desired, first) };
  });
}

/** A pod has one interface in the network of a network object, so that it keeps its name however its entry is edited. */
const identityOf = (of: NetworkSelection | AttachmentRecord): string | undefined =>
  of.kind === 'vxlan' && of.through !== undefined
    ? `${of.through.dialect} ${networkKey(of.through.definition)}`
    : undefined;

const isInline = ({ dialect, network }: NetworkSelection, inline: readonly string[]): boolean =>
  dialect === 'openvnf' && inline.includes(network.name);

/**
 * A definition that was edited may be for plugins now, and for a network object before, or the other way round. Its entry has the name that it
 * had: the entry's attachment stays (ADR 6).
 * @param own identities of the selections
 * @param known identities of the attachments
 */
function knownIdentities(
  selections: readonly NetworkSelection[],
  own: readonly string[],
  attachments: readonly AttachmentRecord[],
  known: readonly string[],
): readonly string[] {
  return selections.map((selection, index) => {
    const identity = own[index] ?? '';
    if (known.includes(identity)) return identity;
    const before = attachments.findIndex(
      (record) => record.kind !== selection.kind && keepName(record) === askedAs(selection),
    );
    return known[before] ?? identity;
  });
}

/** The same, each with the refusal that holds for it: another selection has its interface, or these inputs were refused before. */
export function judgedSelections(
  hash: (text: string) => string,
  desiredState: DesiredState,
  attachments: readonly AttachmentRecord[],
  refusals: readonly RefusalRecord[],
): readonly (NamedSelection & { readonly refused?: StepFailure })[] {
  const named = namedSelections(hash, desiredState, attachments, refusals);
  const standing = standingRefusals(hash, refusals, desiredState, named, attachments);
  return named.map((desired) => {
    const found = desired.conflict ?? standing.find((refusal) => isAbout(refusal, desired));
    return found === undefined ? desired : { ...desired, refused: { code: found.code, message: found.message } };
  });
}

/** Whether a refusal is about this desired network. The interface alone does not tell: two selections may want one interface. */
const isAbout = (
  { interfaceName, network }: Pick<RefusalRecord, 'interfaceName' | 'network'>,
  desired: Pick<NamedSelection, 'interfaceName' | 'selection'>,
): boolean => interfaceName === desired.interfaceName && networkKey(network) === networkKey(desired.selection.network);

/** Whether a refusal says why an interface of another runtime, which the annotation does not ask for any more, stays with these inputs. */
export const isKeptForeign = (
  { code, inputsHash }: Pick<RefusalRecord, 'code' | 'inputsHash'>,
  desiredState: Pick<DesiredState, 'inputsHash'>,
): boolean => code === FOREIGN_KEPT && inputsHash === desiredState.inputsHash;

const FOREIGN_KEPT: FailureCode = 'ForeignKept';

/** Refusals of these inputs because an interface of the pod is somebody else's. */
const conflictsAmong = <R extends RefusalRecord>(
  refusals: readonly R[],
  { inputsHash }: Pick<DesiredState, 'inputsHash'>,
): readonly R[] =>
  refusals.filter((refusal) => refusal.inputsHash === inputsHash && refusal.code === 'InterfaceConflict');

/**
 * Refusals of these inputs that still hold. The refusal of a desired network, for example of its repair, is over once the desired network is attached just as
 * asked. The refusal of a name that podwire chose is over once the desired network has another name.
 */
export function standingRefusals<R extends RefusalRecord>(
  hash: (text: string) => string,
  refusals: readonly R[],
  desiredState: Pick<DesiredState, 'inputsHash'>,
  allDesired: readonly NamedSelection[],
  attachments: readonly AttachmentRecord[],
): readonly R[] {
  const isAsAsked = (desired: NamedSelection): boolean =>
    attachments.some(
      (record) =>
        record.phase === 'attached' && isAbout(record, desired) && ofRecord(hash, record).linkHash === desired.linkHash,
    );
  const conflicts = conflictsAmong(refusals, desiredState);
  const isOver = (refusal: R): boolean => {
    const desired = allDesired.find((candidate) => isAbout(refusal, candidate));
    return desired === undefined ? conflicts.includes(refusal) && wasRenamed(refusal, allDesired) : isAsAsked(desired);
  };
  return refusals.filter((refusal) => refusal.inputsHash === desiredState.inputsHash && !isOver(refusal));
}

/** Whether podwire chose the refused name, and the pod still asks for the network without asking for a name. */
const wasRenamed = ({ interfaceName, network }: RefusalRecord, allDesired: readonly NamedSelection[]): boolean =>
  isGeneratedName(interfaceName) &&
  allDesired.some(({ selection }) => nameIn(selection) === '' && networkKey(selection.network) === networkKey(network));

/** Which dialect gets an interface that several want (ADR 35): the dialect of an attachment that exists, else the first in this order. */
const ORDER: readonly Dialect[] = ['npwg', 'openvnf', 'kaloom'];

type Named = Omit<NamedSelection, 'conflict'>;

function winnerOf(interfaceName: string, all: readonly Named[], attachments: readonly AttachmentRecord[]): Named {
  const rivals = all.filter((desired) => desired.interfaceName === interfaceName);
  // A wish that asks for no name got the name of its own attachment, or a name that no other wish asks for: it keeps the name.
  const keeper = rivals.find(({ selection }) => nameIn(selection) === '');
  if (keeper !== undefined) return keeper;
  const owner = attachments.find((record) => record.interfaceName === interfaceName);
  const owning = owner === undefined ? undefined : dialectOf(owner);
  return [...rivals].sort((a, b) => rank(a, owning) - rank(b, owning))[0] as Named;
}

const rank = ({ selection: { dialect } }: Named, owning: Dialect | undefined): number =>
  dialect === owning ? -1 : ORDER.indexOf(dialect);

const takenBy = (interfaceName: string, network: string): StepFailure => ({
  code: 'InterfaceConflict',
  message: `interface ${interfaceName} belongs to network ${network}, which another runtime attached; choose another interface name`,
});

const sharesNetwork = ({ selection }: Named, first: Named): StepFailure => ({
  code: 'DuplicateNetwork',
  message: `${askedText(selection)} ${secondBecause(selection, first.selection)}`,
});

const askedText = (selection: NetworkSelection): string => {
  const entry = askedAs(selection);
  return `entry ${definitionIn(entry) ?? entry} of the ${selection.dialect} annotation`;
};

function conflictWith(interfaceName: string, winner: Named): StepFailure {
  const { dialect, network } = winner.selection;
  if (nameIn(winner.selection) === '') {
    return {
      code: 'InterfaceConflict',
      message: `interface ${interfaceName} belongs to network ${network.name}, whose interface the ${dialect} annotation does not name; choose another interface name, or name an interface for network ${network.name}`,
    };
  }
  return {
    code: 'InterfaceWantedTwice',
    message: `network ${network.name} in the ${dialect} annotation asks for interface ${interfaceName} as well, and that annotation comes first; choose another interface name in one of the two annotations`,
  };
}
