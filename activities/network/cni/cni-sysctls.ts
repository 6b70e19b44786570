/**
 * The pod's sysctls that CNI plugins set and leave: recorded in the journal before ADD, put back after DEL (ADR 40). The caller holds the
 * sandbox's lock, so that no other attachment of the pod comes in between.
 */
import {
  aboutToChange,
  asGiven,
  inherited,
  toPutBack,
  type ChangedSysctl,
} from '../../../domain/cni/changed-sysctls.ts';
import { namedSysctls, type NamedSysctl } from '../../../domain/cni/named-sysctls.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { CniCall } from '../../../domain/ports/cni-plugins.ts';
import type { IdentifiedNetns } from '../../../domain/ports/link-kernel.ts';
import type { StepFailure } from '../../../domain/records.ts';
import type { CniDeps } from '../deps.ts';

type SysctlDeps = Pick<CniDeps, 'kernel' | 'journal'>;
/** An entry whose sysctls are known. */
type WithSysctls = CniJournalEntry & Required<Pick<CniJournalEntry, 'sysctls'>>;

/** @throws PodwireError CniConfigInvalid: a name that may lead elsewhere */
export function requireSysctlNames(call: CniCall): void {
  const { problems } = namedSysctls(call);
  if (problems.length === 0) return;
  const why = problems.map((problem) => problem.why).join('; ');
  throw new PodwireError('CniConfigInvalid', `configuration of network ${call.networkName}: ${why}`);
}

/** The entry with what its ADD is going to change. */
export async function withSysctls(
  deps: SysctlDeps,
  entry: CniJournalEntry,
  netns: IdentifiedNetns,
): Promise<CniJournalEntry> {
  const { sysctls } = namedSysctls(entry.call);
  if (sysctls.length === 0) return entry;
  const [values, others] = await Promise.all([
    deps.kernel.readSysctls(netns, pathsOf(sysctls)),
    othersOf(deps, entry.call),
  ]);
  return {
    ...entry,
    sysctls: aboutToChange(
      sysctls,
      values,
      others.map((other) => other.sysctls),
    ),
  };
}

/** The same once its ADD succeeded. */
export async function withGivenSysctls(
  { kernel }: SysctlDeps,
  entry: CniJournalEntry,
  netns: IdentifiedNetns,
): Promise<CniJournalEntry> {
  const { sysctls } = entry;
  if (sysctls === undefined) return entry;
  return { ...entry, sysctls: asGiven(sysctls, await kernel.readSysctls(netns, pathsOf(sysctls.changed))) };
}

/**
 * After a successful DEL, and before the journal forgets it. Repeatable.
 * @param begun what the journal says, or what DEL was called with where it says nothing
 * @returns what stays and why, for the pod's owner
 */
export async function putBackSysctls(
  deps: SysctlDeps,
  begun: CniJournalEntry | Pick<CniJournalEntry, 'call'>,
  netns: IdentifiedNetns,
): Promise<StepFailure | undefined> {
  const stays = hasSysctls(begun)
    ? await putBack(deps, begun, netns)
    : await unrecorded(deps, namedSysctls(begun.call).sysctls, netns);
  if (stays.length === 0) return undefined;
  const { networkName } = begun.call;
  return { code: 'SysctlStays', message: `of what network ${networkName} set in the pod: ${stays.join('; ')}` };
}

const hasSysctls = (begun: Partial<CniJournalEntry>): begun is WithSysctls => begun.sysctls !== undefined;

async function putBack(deps: SysctlDeps, { call, sysctls }: WithSysctls, netns: IdentifiedNetns): Promise<string[]> {
  const others = await othersOf(deps, call);
  const ofOthers = others.map((other) => other.sysctls);
  for (const other of others) {
    const changed = inherited(sysctls, other.sysctls, ofOthers);
    if (changed !== undefined) await deps.journal.write({ ...other, sysctls: changed });
  }
  const values = await deps.kernel.readSysctls(netns, pathsOf(sysctls.changed));
  const { write, stay } = toPutBack(sysctls, values, ofOthers);
  await deps.kernel.writeSysctls(netns, new Map(write.map(({ path, before }) => [path, before])));
  const written = await deps.kernel.readSysctls(netns, pathsOf(write));
  const refused = write.filter(({ path, before }) => written.has(path) && written.get(path) !== before);
  return [
    ...refused.map((each) => stayed(each, written, 'cannot be written')),
    ...stay.map((each) =>
      stayed(each, values, `was set by somebody else after ADD made it ${each.given.join(' or ')}`),
    ),
  ];
}

/** Of an ADD of a podwire that did not record them, or whose record is lost. */
async function unrecorded(
  { kernel }: SysctlDeps,
  named: readonly NamedSysctl[],
  netns: IdentifiedNetns,
): Promise<string[]> {
  const values = await kernel.readSysctls(netns, pathsOf(named));
  return [...values].map(
    ([path, now]) =>
      `sysctl ${path} stays ${now}: what it was before is not recorded; set it in the pod, or make the pod anew`,
  );
}

const stayed = ({ path, before }: ChangedSysctl, values: ReadonlyMap<string, string>, why: string): string =>
  `sysctl ${path} stays ${values.get(path) ?? ''}: it ${why}; before the attach it was ${before}`;

/** Of the pod's other attachments. */
async function othersOf(
  { journal }: SysctlDeps,
  { sandboxId, interfaceName }: Pick<CniCall, 'sandboxId' | 'interfaceName'>,
): Promise<WithSysctls[]> {
  const { entries } = await journal.list(sandboxId);
  return entries.filter(hasSysctls).filter(({ call }) => call.interfaceName !== interfaceName);
}

const pathsOf = (sysctls: readonly { readonly path: string }[]): string[] => [
  ...new Set(sysctls.map(({ path }) => path)),
];
