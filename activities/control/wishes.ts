/** From a pod's selections to wishes: every interface gets a name, and one of two dialects gets the interface that both want. */
import type { FailureCode } from '../../domain/failures.ts';
import { interfaceNames, isGeneratedName, passedOver } from '../../domain/interface-names.ts';
import { networkKey, type Dialect, type NetworkSelection } from '../../domain/network-selection.ts';
import type { AttachmentRecord, RefusalRecord, StepFailure } from '../../domain/records.ts';
import { vtepOf, type Desired } from './desired.ts';
import { ofRecord, ofSelection, type Fingerprints } from './fingerprints.ts';

export interface Wish extends Fingerprints {
  readonly selection: NetworkSelection;
  /** Place in `Desired.parsed.selections`. */
  readonly index: number;
  readonly interfaceName: string;
  /** Another selection of the same pod has the interface. */
  readonly conflict?: StepFailure;
  /** Nobody asked for this name: if the interface is somebody else's, podwire tries another name. */
  readonly mayBeRenamed: boolean;
}

/**
 * In annotation order, dialect by dialect.
 * @param refusals of the pod: podwire does not choose a name again that turned out to be somebody else's
 */
export function wishesOf(
  hash: (text: string) => string,
  desired: Desired,
  known: readonly AttachmentRecord[],
  refusals: readonly RefusalRecord[],
): readonly Wish[] {
  const vtep = vtepOf(desired.pod) ?? '';
  const { selections, foreign = [], reserved = [] } = desired.parsed;
  const passed = passedOver(conflictsAmong(refusals, desired).map(({ interfaceName }) => interfaceName));
  const prints = selections.map((selection) => ofSelection(hash, selection, vtep));
  const names = interfaceNames(
    selections.map((selection, index) => ({
      identity: prints[index]?.linkHash ?? '',
      interfaceName: nameIn(selection),
      ...(selection.kind === 'cni' && selection.position !== undefined ? { position: selection.position } : {}),
    })),
    known.map((record) => ({
      identity: ofRecord(hash, record).linkHash,
      interfaceName: record.interfaceName,
      leaving: record.phase === 'removing',
    })),
    { foreign: [...foreign.map(({ interfaceName }) => interfaceName), ...passed.names], reserved },
  );
  const named = selections.map((selection, index) => ({
    selection,
    index,
    interfaceName: names[index] ?? '',
    mayBeRenamed: nameIn(selection) === '' && passed.more,
    ...(prints[index] ?? { linkHash: '', tunnelHash: '' }),
  }));
  const taken = new Map(foreign.map(({ interfaceName, network }) => [interfaceName, network]));
  return named.map((wish) => {
    const foreignNetwork = taken.get(wish.interfaceName);
    if (foreignNetwork !== undefined) return { ...wish, conflict: takenBy(wish.interfaceName, foreignNetwork) };
    const winner = winnerOf(wish.interfaceName, named, known);
    return winner === wish ? wish : { ...wish, conflict: conflictWith(wish.interfaceName, winner) };
  });
}

/** Whether a refusal is about this wish. The interface alone does not tell: two selections may want one interface. */
export const isAbout = (
  { interfaceName, network }: Pick<RefusalRecord, 'interfaceName' | 'network'>,
  wish: Pick<Wish, 'interfaceName' | 'selection'>,
): boolean => interfaceName === wish.interfaceName && networkKey(network) === networkKey(wish.selection.network);

/** Whether a refusal says why an interface of another runtime, which the annotation does not ask for any more, stays with these inputs. */
export const isKeptForeign = (
  { code, inputsHash }: Pick<RefusalRecord, 'code' | 'inputsHash'>,
  desired: Pick<Desired, 'inputsHash'>,
): boolean => code === FOREIGN_KEPT && inputsHash === desired.inputsHash;

const FOREIGN_KEPT: FailureCode = 'ForeignKept';

/** Refusals of these inputs because an interface of the pod is somebody else's. */
const conflictsAmong = <R extends RefusalRecord>(
  refusals: readonly R[],
  { inputsHash }: Pick<Desired, 'inputsHash'>,
): readonly R[] =>
  refusals.filter((refusal) => refusal.inputsHash === inputsHash && refusal.code === 'InterfaceConflict');

/**
 * Refusals of these inputs that still hold. The refusal of a wish, for example of its repair, is over once the wish is attached just as
 * asked. The refusal of a name that podwire chose is over once the wish has another name.
 */
export function standingRefusals<R extends RefusalRecord>(
  hash: (text: string) => string,
  refusals: readonly R[],
  desired: Pick<Desired, 'inputsHash'>,
  wishes: readonly Wish[],
  known: readonly AttachmentRecord[],
): readonly R[] {
  const isAsAsked = (wish: Wish): boolean =>
    known.some(
      (record) =>
        record.phase === 'attached' && isAbout(record, wish) && ofRecord(hash, record).linkHash === wish.linkHash,
    );
  const conflicts = conflictsAmong(refusals, desired);
  const isOver = (refusal: R): boolean => {
    const wish = wishes.find((candidate) => isAbout(refusal, candidate));
    return wish === undefined ? conflicts.includes(refusal) && wasRenamed(refusal, wishes) : isAsAsked(wish);
  };
  return refusals.filter((refusal) => refusal.inputsHash === desired.inputsHash && !isOver(refusal));
}

/** Whether podwire chose the refused name, and the pod still wishes for the network without asking for a name. */
const wasRenamed = ({ interfaceName, network }: RefusalRecord, wishes: readonly Wish[]): boolean =>
  isGeneratedName(interfaceName) &&
  wishes.some(({ selection }) => nameIn(selection) === '' && networkKey(selection.network) === networkKey(network));

/** The interface that a selection names; empty when the selection leaves the name to podwire. */
export const nameIn = (selection: NetworkSelection): string =>
  selection.kind === 'vxlan' ? selection.link.interfaceName : selection.cni.interfaceName;

/** Which dialect gets an interface that several want (ADR 35): the dialect of an attachment that exists, else the first in this order. */
const ORDER: readonly Dialect[] = ['npwg', 'openvnf', 'kaloom'];

type Named = Omit<Wish, 'conflict'>;

function winnerOf(interfaceName: string, all: readonly Named[], known: readonly AttachmentRecord[]): Named {
  const rivals = all.filter((wish) => wish.interfaceName === interfaceName);
  // A wish that asks for no name got the name of its own attachment, or a name that no other wish asks for: it keeps the name.
  const keeper = rivals.find(({ selection }) => nameIn(selection) === '');
  if (keeper !== undefined) return keeper;
  const owner = known.find((record) => record.interfaceName === interfaceName);
  const owning = owner === undefined ? undefined : dialectOf(owner);
  return [...rivals].sort((a, b) => rank(a, owning) - rank(b, owning))[0] as Named;
}

const rank = ({ selection: { dialect } }: Named, owning: Dialect | undefined): number =>
  dialect === owning ? -1 : ORDER.indexOf(dialect);

const dialectOf = (record: AttachmentRecord): Dialect => (record.kind === 'vxlan' ? 'openvnf' : record.dialect);

const takenBy = (interfaceName: string, network: string): StepFailure => ({
  code: 'InterfaceConflict',
  message: `interface ${interfaceName} belongs to network ${network}, which another runtime attached; choose another interface name`,
});

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
