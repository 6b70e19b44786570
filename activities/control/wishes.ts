/** From a pod's selections to wishes: interfaces named, what two dialects both want decided. */
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
  /** Nobody asked for the name: should it be somebody else's, another one is tried. */
  readonly mayBeRenamed: boolean;
}

/** In annotation order, dialect by dialect. @param refusals of the pod: a generated name that was somebody else's is not given again */
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

/** Whether a refusal is about this wish: two selections may want one interface. */
export const isAbout = (
  { interfaceName, network }: Pick<RefusalRecord, 'interfaceName' | 'network'>,
  wish: Pick<Wish, 'interfaceName' | 'selection'>,
): boolean => interfaceName === wish.interfaceName && networkKey(network) === networkKey(wish.selection.network);

/** Why something of another runtime, taken out of the annotation, stays with these inputs. */
export const isKeptForeign = (
  { code, inputsHash }: Pick<RefusalRecord, 'code' | 'inputsHash'>,
  desired: Pick<Desired, 'inputsHash'>,
): boolean => code === FOREIGN_KEPT && inputsHash === desired.inputsHash;

const FOREIGN_KEPT: FailureCode = 'ForeignKept';

/** Refusals to these inputs of a name that is somebody else's in the pod. */
const conflictsAmong = <R extends RefusalRecord>(
  refusals: readonly R[],
  { inputsHash }: Pick<Desired, 'inputsHash'>,
): readonly R[] =>
  refusals.filter((refusal) => refusal.inputsHash === inputsHash && refusal.code === 'InterfaceConflict');

/**
 * Refusals to these inputs that still hold: once a wish is attached just as asked, what was refused of it before, a repair for example, is
 * over; and so is that of a name which was podwire's choice, once the wish has another one.
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

/** Whether the refusal's network is wished for under whatever name. */
const wasRenamed = ({ interfaceName, network }: RefusalRecord, wishes: readonly Wish[]): boolean =>
  isGeneratedName(interfaceName) &&
  wishes.some(({ selection }) => nameIn(selection) === '' && networkKey(selection.network) === networkKey(network));

/** The interface a selection names; empty when it leaves the name to podwire. */
export const nameIn = (selection: NetworkSelection): string =>
  selection.kind === 'vxlan' ? selection.link.interfaceName : selection.cni.interfaceName;

/** ADR 35: an attachment that exists wins, else the order of the dialects. Within one dialect only the former can happen. */
const ORDER: readonly Dialect[] = ['npwg', 'openvnf', 'kaloom'];

type Named = Omit<Wish, 'conflict'>;

function winnerOf(interfaceName: string, all: readonly Named[], known: readonly AttachmentRecord[]): Named {
  const rivals = all.filter((wish) => wish.interfaceName === interfaceName);
  // Who asks for no name has only that of its own attachment, or one that nobody asks for.
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
      message: `interface ${interfaceName} is that of network ${network.name}, for which the ${dialect} annotation leaves the name to podwire; choose another interface name, or give network ${network.name} one of its own`,
    };
  }
  return {
    code: 'InterfaceWantedTwice',
    message: `interface ${interfaceName} is asked for by network ${network.name} in the ${dialect} annotation as well, which comes first; choose another interface name in one of the two annotations`,
  };
}
