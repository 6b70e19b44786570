/** One look at everything on the node that could be left over or changed. Reads only; CHECK is a read, too. */
import { PodwireError } from '../../../domain/failures.ts';
import type { CniLeftovers } from '../../../domain/ports/cni-leftovers.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { MembersRead } from '../../../domain/ports/node-store.ts';
import { ownerOf } from '../../../domain/vxlan/link-alias.ts';
import { withoutDefaultRoutes } from '../../../domain/cni/without-default-routes.ts';
import { networkKey } from '../../../domain/network-selection.ts';
import type { AttachmentRecord, CniAttachmentRecord, Stored } from '../../../domain/records.ts';
import {
  checkKey,
  classify,
  driftOver,
  type NodeSnapshot,
  type ObservedSandbox,
  type Strangers,
} from '../../../domain/sweep/classify.ts';
import { driftOf, isLeftToPod } from '../../../domain/sweep/drift.ts';
import { remainsOf } from '../../../domain/sweep/remaining-drift.ts';
import { shortWhy, type Finding } from '../../../domain/sweep/finding.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { callOf } from '../cni/cni-attachment.ts';
import type { CniDeps } from '../deps.ts';
import { eachWithLimit } from '../../../domain/concurrency/with-limit.ts';
import { unknownDestinationsOf } from '../forwarding/unknown-fdb-entries.ts';
import { observeSandbox } from './observe-sandbox.ts';
import type { SweepLookInput, SweepLookResult } from './sweep-node-contract.ts';
import { SAID_BY_CHECK, type SweepMemory, type SweepObserver } from './sweep-memory.ts';

export interface SweepDeps extends CniDeps {
  readonly leftovers: CniLeftovers;
  readonly memory: SweepMemory;
  readonly observer: SweepObserver;
  readonly gc: {
    due(): boolean;
    run(records: readonly Stored<AttachmentRecord>[], signal: AbortSignal): Promise<string[]>;
  };
}

export interface Look {
  readonly findings: readonly Finding[];
  readonly snapshot: NodeSnapshot;
}

/** A sweep is never in a hurry; pods' own operations are. */
const AT_ONCE = 2;
/** A plugin that hangs in CHECK must not hold its sandbox's lock for long. */
const CHECK_LIMIT_MS = 5_000;
const CHECK_LOCK_WAIT_MS = 20;
/** What fits well into a history. */
const MAX_FINDINGS = 100;

export async function sweepLook(
  deps: SweepDeps,
  _input: SweepLookInput,
  signal: AbortSignal,
): Promise<SweepLookResult> {
  const { findings, snapshot } = await lookAtNode(deps, signal);
  return {
    findings: findings
      .slice(0, MAX_FINDINGS)
      .map((finding) => ({ ...finding, ageSeconds: deps.memory.ageSeconds(finding) })),
    more: Math.max(0, findings.length - MAX_FINDINGS),
    gcDue: deps.gc.due(),
    isEmpty: findings.length === 0 && isEmpty(snapshot),
  };
}

/** Addresses and files of others, of which each sandbox of a node may have some, do not count. */
const isEmpty = ({ journal, unreadable, sandboxes, records, tombstones }: NodeSnapshot): boolean =>
  [journal, unreadable, sandboxes, records, tombstones].every(({ length }) => length === 0);

/** @throws PodwireError EtcdUnavailable, CriUnavailable: half a view is no view */
export async function lookAtNode(deps: SweepDeps, signal: AbortSignal): Promise<Look> {
  const { snapshot, unsure } = await snapshotOf(deps, signal);
  const classified = classify(snapshot);
  const sound = soundRecords(snapshot, classified, unsure);
  const findings = deps.memory.seen([...classified, ...(await driftsOver(deps, sound))]);
  for (const { value } of sound) deps.memory.sound(value.sandboxId, value.interfaceName);
  deps.observer.looked(findings);
  return { findings, snapshot };
}

const keyOf = (of: { sandboxId: string; interfaceName: string } | undefined): string =>
  of === undefined ? '' : checkKey(of.sandboxId, of.interfaceName);

/** What was looked at and is as it should be; of what could not be looked at nobody can say. */
function soundRecords(
  { sandboxes, records, bootId }: NodeSnapshot,
  findings: readonly Finding[],
  unsure: ReadonlySet<string>,
): readonly Stored<AttachmentRecord>[] {
  const hasCondition = new Set(findings.map(({ attachment }) => keyOf(attachment)));
  const seen = new Set(sandboxes.map(({ sandboxId }) => sandboxId));
  return records.filter(
    ({ value }) =>
      value.phase === 'attached' &&
      value.bootId === bootId &&
      seen.has(value.sandboxId) &&
      !hasCondition.has(keyOf(value)) &&
      !unsure.has(keyOf(value)),
  );
}

/** Attachments that are as they should be again, and whose status still says that they are not. */
async function driftsOver(deps: SweepDeps, sound: readonly Stored<AttachmentRecord>[]): Promise<Finding[]> {
  const failures = await deps.store.listFailures([...new Set(sound.map(({ value }) => value.podUid))]);
  return sound.flatMap((stored) => {
    const said = failures.some((each) => each.podUid === stored.value.podUid && remainsOf(stored.value, each));
    return said ? [driftOver(stored)] : [];
  });
}

async function snapshotOf(
  deps: SweepDeps,
  signal: AbortSignal,
): Promise<{ readonly snapshot: NodeSnapshot; readonly unsure: ReadonlySet<string> }> {
  const { node, bootId, temporaryName } = deps;
  // The order matters: see domain/sweep/classify.ts.
  const [{ entries, unreadable }, reservations, cacheFiles] = await Promise.all([
    deps.journal.list(),
    deps.leftovers.reservations(),
    deps.leftovers.cacheFiles(),
  ]);
  const ready = await deps.runtime.listReady();
  const seen = await observed(deps, new Set(ready.map(({ id }) => id)), signal);
  const { attachments: records, byExec, tombstones, isWhole } = await deps.store.readNode(node);
  // Links that the exec backend made in pods of this node are its own to look after.
  const othersPods = new Set(byExec.map(({ value }) => value.podUid));
  const sandboxes = seen.filter(({ pod }) => !othersPods.has(pod.uid));
  const runtime = new Map<string, 'ready' | 'not-ready'>(ready.map(({ id }) => [id, 'ready']));
  const named = [
    ...records.map(({ value }) => value.sandboxId),
    ...[...reservations, ...cacheFiles].map(({ sandboxId }) => sandboxId),
  ];
  for (const id of new Set(named)) {
    if (id === '' || runtime.has(id)) continue;
    const found = await deps.runtime.describe(id);
    if (found !== undefined) runtime.set(id, found.ready ? 'ready' : 'not-ready');
  }
  const { failed: checks, unsure } = await checked(deps, records, sandboxes, entries, signal);
  const strangers = await strangersOnLinks(deps, records, sandboxes, signal);
  const snapshot = {
    ...{ node, bootId, journal: entries, unreadable, reservations, cacheFiles, sandboxes, records, tombstones },
    ...{ runtime, checks, strangers, isWhole, temporaryName },
  };
  return { snapshot, unsure };
}

/** Links of the sandboxes that are Ready and published; one that goes meanwhile is passed over. */
async function observed(deps: SweepDeps, ready: ReadonlySet<string>, signal: AbortSignal): Promise<ObservedSandbox[]> {
  const published = (await deps.store.listSandboxes(deps.node)).filter(
    ({ sandboxId, bootId }) => ready.has(sandboxId) && bootId === deps.bootId,
  );
  const outcomes = await eachWithLimit(published, AT_ONCE, (sandbox) => observeSandbox(deps, sandbox, signal));
  return outcomes.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return [outcome.value];
    if (outcome.reason instanceof PodwireError && PASSED_OVER.has(outcome.reason.code)) return [];
    throw outcome.reason;
  });
}

const PASSED_OVER = new Set(['SandboxGone', 'SandboxChanged', 'NetnsRefused', 'CommandFailed', 'CommandTimedOut']);

/** Forwarding entries of adopted links that the membership does not ask for (ADR 30). */
async function strangersOnLinks(
  deps: SweepDeps,
  records: readonly Stored<AttachmentRecord>[],
  sandboxes: readonly ObservedSandbox[],
  signal: AbortSignal,
): Promise<Map<string, Strangers>> {
  const views = new Map(sandboxes.map(({ sandboxId, view }) => [sandboxId, view]));
  const adopted = records.flatMap(({ value }) => {
    const link = views.get(value.sandboxId)?.links.find(({ name }) => name === value.interfaceName);
    const isOurs =
      value.kind === 'vxlan' && value.phase === 'attached' && ownerOf(link?.alias)?.podUid === uidInRuntime(value);
    return isOurs && ownerOf(link?.alias)?.adopted === true ? [value] : [];
  });
  const members = new Map<string, Promise<MembersRead>>();
  const found = new Map<string, Strangers>();
  await eachWithLimit(adopted, AT_ONCE, async (record) => {
    const network = networkKey(record.network);
    const reading = members.get(network) ?? deps.store.readMembers(record.network);
    members.set(network, reading);
    const addresses = await unknownDestinationsOf(deps, record, await reading, signal);
    const { sandboxId, interfaceName } = record;
    const strangers = deps.memory.strangers(sandboxId, interfaceName, addresses);
    if (addresses.length > 0) found.set(checkKey(sandboxId, interfaceName), strangers);
  });
  return found;
}

/** CHECK of the CNI attachments whose links look well; what differs anyway needs no plugin to say so. */
async function checked(
  deps: SweepDeps,
  records: readonly Stored<AttachmentRecord>[],
  sandboxes: readonly ObservedSandbox[],
  journal: readonly CniJournalEntry[],
  signal: AbortSignal,
): Promise<{ failed: Map<string, string>; unsure: Set<string> }> {
  const views = new Map(sandboxes.map(({ sandboxId, view }) => [sandboxId, view]));
  const failed = new Map<string, string>();
  const unsure = new Set<string>();
  const sound = records.flatMap(({ value }) => {
    const view = views.get(value.sandboxId);
    if (view === undefined || value.kind !== 'cni' || value.phase !== 'attached') return [];
    // CHECK would look at the link that has the interface's name.
    if (isLeftToPod(value, view)) return [];
    return driftOf(value, view).length === 0 ? [value] : [];
  });
  await eachWithLimit(sound, AT_ONCE, async (record) => {
    const entry = journal.find(({ call }) => checkKey(call.sandboxId, call.interfaceName) === keyOf(record));
    const why = await checkFailure(deps, record, entry, signal);
    if (why === undefined) unsure.add(keyOf(record));
    else if (why !== '') failed.set(keyOf(record), why);
  });
  return { failed, unsure };
}

/** Empty: all is well. Undefined: nobody can say; a plugin that is missing or hangs says nothing about the interface. */
async function checkFailure(
  deps: SweepDeps,
  record: CniAttachmentRecord,
  entry: CniJournalEntry | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const busy = (): Error => new PodwireError('SandboxBusy', `sandbox ${record.sandboxId} is being worked on`);
  try {
    return await deps.sandboxLocks.run(record.sandboxId, CHECK_LOCK_WAIT_MS, busy, () =>
      deps.networkLocks.shared(record.network, async () => {
        const resultText = entry?.resultText ?? (await deps.store.readCniResult(record))?.text;
        if (resultText === undefined) return '';
        const call = entry?.call ?? callOf(record, record.netns.path);
        const limit = AbortSignal.any([signal, AbortSignal.timeout(CHECK_LIMIT_MS)]);
        const result = record.cni.noDefaultRoute === true ? withoutDefaultRoutes(resultText) : resultText;
        const check = await deps.plugins.check(call, result, limit);
        return check.kind === 'failed' ? shortWhy(`${SAID_BY_CHECK}${check.message}`) : '';
      }),
    );
  } catch (error) {
    if (error instanceof PodwireError) return undefined;
    throw error;
  }
}
