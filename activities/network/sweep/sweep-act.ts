/** The second look, and what follows from it on the node: each thing is looked at once more, under its lock, right before it goes. */
import { findOwnLink } from '../../../domain/cni/own-link.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { ownerOf } from '../../../domain/vxlan/link-alias.ts';
import type { LinkView } from '../../../domain/vxlan/link-observation.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { IdentifiedNetns, LinkCommand } from '../../../domain/ports/link-kernel.ts';
import type { SandboxRecord, StepFailure } from '../../../domain/records.ts';
import { shortWhy, type Finding } from '../../../domain/sweep/finding.ts';
import type { SweepOutcome, SweepRow } from '../../../domain/sweep/messages.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { forgetBegun } from '../cni/cni-attachment.ts';
import { putBackSysctls } from '../cni/cni-sysctls.ts';
import { removeUnknownEntries } from '../forwarding/unknown-fdb-entries.ts';
import { renameLink } from '../own-name.ts';
import { openRecorded } from '../sandbox-netns.ts';
import type { SweepActInput, SweepActResult } from './sweep-node-contract.ts';
import { lookAtSandbox } from './sandbox-look.ts';
import { lookAtNode, type Look, type SweepDeps } from './sweep-look.ts';
import { undoAdd } from '../cni/undo-add.ts';

/** A pod's own operation takes milliseconds with links and seconds with plugins; the next sweep comes soon enough. */
const LOCK_WAIT_MS = 1_000;

export async function sweepAct(deps: SweepDeps, input: SweepActInput, signal: AbortSignal): Promise<SweepActResult> {
  const { only } = input;
  const second = await (only === undefined ? lookAtNode(deps, signal) : lookAtSandbox(deps, only, signal));
  const byId = new Map(second.findings.map((finding) => [finding.id, finding]));
  const rows: SweepRow[] = [];
  for (const id of input.ids) {
    const finding = byId.get(id);
    if (finding === undefined) {
      rows.push({ finding: vanished(id), ageSeconds: 0, outcome: 'gone' });
      continue;
    }
    const ageSeconds = deps.memory.ageSeconds(finding);
    rows.push({ finding, ageSeconds, ...(await settle(deps, finding, second, input, signal)) });
  }
  const gc =
    only === undefined && deps.gc.due()
      ? await deps.gc.run(await deps.store.listNodeAttachments(deps.node), signal)
      : [];
  return { rows, gc };
}

/** The caller still has what the first look said about it. */
const vanished = (id: string): Finding => ({ id, kind: 'record', action: 'report', where: '', owner: '', why: '' });

type Settled = Pick<SweepRow, 'outcome' | 'note'>;

async function settle(
  deps: SweepDeps,
  finding: Finding,
  second: Look,
  input: SweepActInput,
  signal: AbortSignal,
): Promise<Settled> {
  try {
    const acted = await actOn(deps, finding, second, input, signal);
    const settled = typeof acted === 'string' ? { outcome: acted } : acted;
    if (settled.outcome === 'removed') deps.observer.acted(finding);
    return settled;
  } catch (error) {
    if (signal.aborted) throw error;
    if (!(error instanceof Error)) throw error;
    const busy = error instanceof PodwireError && error.code === 'SandboxBusy';
    return { outcome: busy ? 'busy' : 'failed', note: shortWhy(error.message) };
  }
}

async function actOn(
  deps: SweepDeps,
  finding: Finding,
  { snapshot }: Look,
  input: SweepActInput,
  signal: AbortSignal,
): Promise<SweepOutcome | Settled> {
  switch (finding.kind) {
    case 'link':
      return removeLink(deps, finding, snapshot.sandboxes, signal);
    case 'journal': {
      const entry = snapshot.journal.find(
        ({ generation, call }) => `journal/${call.sandboxId}/${call.interfaceName}/${generation}` === finding.id,
      );
      return entry === undefined ? 'gone' : undoEntry(deps, entry, signal);
    }
    case 'drift':
      if (finding.action === 'report') return 'reported';
      await nameBack(deps, finding, signal);
      if (deps.memory.repairing(finding)) deps.observer.acted(finding);
      return 'found';
    case 'record':
      return 'found';
    case 'reservation':
    case 'cache-file':
      return input.removeForeign === true ? removeForeign(deps, finding, snapshot) : 'reported';
    case 'unreadable':
    case 'forwarding':
      return 'reported';
    case 'stranger':
      return settleStranger(deps, finding, snapshot, input, signal);
  }
}

/** The first sweep that finds it has the pod's owner told, a later one removes what is still so. */
async function settleStranger(
  deps: SweepDeps,
  finding: Finding,
  { records }: Look['snapshot'],
  { spare = [] }: SweepActInput,
  signal: AbortSignal,
): Promise<SweepOutcome> {
  if (finding.action === 'report') {
    deps.memory.toldStrangers(finding);
    return 'found';
  }
  const record = records.find(({ modRevision }) => modRevision === finding.attachment?.modRevision)?.value;
  const destinations = new Set((finding.addresses ?? []).filter((address) => !spare.includes(address)));
  if (destinations.size === 0) return 'reported';
  if (record?.kind !== 'vxlan') return 'gone';
  const { removed } = await removeUnknownEntries(deps, record, destinations, signal);
  return removed === 0 ? 'gone' : 'removed';
}

async function removeForeign(deps: SweepDeps, { id }: Finding, snapshot: Look['snapshot']): Promise<SweepOutcome> {
  const { leftovers } = deps;
  const reservation = snapshot.reservations.find(
    ({ network, address, sandboxId }) => `reservation/${network}/${address}/${sandboxId}` === id,
  );
  const file = snapshot.cacheFiles.find((candidate) => `cache-file/${candidate.file}` === id);
  const sandboxId = (reservation ?? file)?.sandboxId;
  if (sandboxId === undefined || !(await isDead(deps, sandboxId))) return 'gone';
  const removed =
    (reservation !== undefined && (await leftovers.removeReservation(reservation))) ||
    (file !== undefined && (await leftovers.removeCacheFile(file)));
  return removed ? 'removed' : 'gone';
}

const isDead = async (deps: SweepDeps, sandboxId: string): Promise<boolean> =>
  sandboxId === '' || (await deps.runtime.describe(sandboxId)) === undefined;

function underLock<T>(deps: SweepDeps, sandboxId: string, work: () => Promise<T>): Promise<T> {
  const busy = (): Error => new PodwireError('SandboxBusy', `sandbox ${sandboxId} is being worked on`);
  return deps.sandboxLocks.run(sandboxId, LOCK_WAIT_MS, busy, work);
}

/** The sandbox as it is published now. */
async function publishedSandbox(deps: SweepDeps, sandboxId: string): Promise<SandboxRecord | undefined> {
  return (await deps.store.listSandboxes(deps.node)).find((sandbox) => sandbox.sandboxId === sandboxId);
}

function removeLink(
  deps: SweepDeps,
  finding: Finding,
  sandboxes: Look['snapshot']['sandboxes'],
  signal: AbortSignal,
): Promise<SweepOutcome> {
  const found = sandboxes
    .flatMap(({ sandboxId, view }) => view.links.map((link) => ({ sandboxId, link })))
    .find(({ sandboxId, link }) => `link/${sandboxId}/${link.name}/${link.ifindex}` === finding.id);
  if (found === undefined) return Promise.resolve('gone');
  return underLock(deps, found.sandboxId, async () => {
    const sandbox = await publishedSandbox(deps, found.sandboxId);
    if (sandbox === undefined) return 'gone';
    const netns = await openRecorded(deps, sandbox, signal);
    try {
      const { links } = await deps.kernel.observe(netns);
      const link = links.find(({ ifindex, name }) => ifindex === found.link.ifindex && name === found.link.name);
      const owner = ownerOf(link?.alias);
      if (link === undefined || owner?.podUid !== sandbox.podUid) return 'gone';
      if (await isOwned(deps, sandbox, link)) return 'gone';
      // What was there before podwire is given back.
      const command: LinkCommand = owner.adopted
        ? { op: 'set-alias', name: link.name, alias: '' }
        : { op: 'remove-link', name: link.name };
      await deps.kernel.execute(netns, [command]);
      await deps.fdb.openToAll(netns, link.name);
      return 'removed';
    } finally {
      await netns.close();
    }
  });
}

async function isOwned(deps: SweepDeps, { podUid, sandboxId }: SandboxRecord, { name }: LinkView): Promise<boolean> {
  return (await deps.store.listNodeAttachments(deps.node)).some(
    ({ value }) =>
      value.kind === 'vxlan' &&
      value.sandboxId === sandboxId &&
      (value.interfaceName === name || deps.temporaryName(podUid, value.interfaceName) === name),
  );
}

/** DEL with the configuration of its ADD, then the entry goes. */
function undoEntry(deps: SweepDeps, found: CniJournalEntry, signal: AbortSignal): Promise<SweepOutcome | Settled> {
  const { sandboxId, interfaceName } = found.call;
  return underLock(deps, sandboxId, async () => {
    const entry = await deps.journal.read(sandboxId, interfaceName);
    if (entry === undefined || entry.generation !== found.generation) return 'gone';
    const record = await deps.store.readAttachment({
      ...{ node: deps.node, podUid: entry.podUid, sandboxId, interfaceName },
    });
    if (record?.value.kind === 'cni') return 'gone';
    const netns = await openToUndo(deps, entry, signal);
    const { made, resultText, call } = entry;
    const del = (netnsPath: string): Promise<void> => deps.plugins.del({ ...call, netnsPath }, resultText, signal);
    let left: StepFailure | undefined;
    try {
      await undoAdd(
        deps,
        { podUid: uidInRuntime(entry), interfaceName, network: call.networkName, made, del },
        netns,
        signal,
      );
      if (netns !== undefined) left = await putBackSysctls(deps, entry, netns);
    } finally {
      await netns?.close();
    }
    await forgetBegun(deps, entry.call, entry);
    return { outcome: 'removed', ...(left === undefined ? {} : { note: shortWhy(left.message) }) };
  });
}

/** Undefined, so that only reservations are given back, where there is no such netns any more. */
async function openToUndo(
  deps: SweepDeps,
  entry: CniJournalEntry,
  signal: AbortSignal,
): Promise<IdentifiedNetns | undefined> {
  const sandbox = await publishedSandbox(deps, entry.call.sandboxId);
  if (sandbox?.podUid !== uidInRuntime(entry) || sandbox.bootId !== deps.bootId || entry.bootId !== deps.bootId)
    return undefined;
  try {
    return await openRecorded(deps, sandbox, signal);
  } catch (error) {
    if (error instanceof PodwireError && error.retryClass === 'stale') return undefined;
    throw error;
  }
}

/** One that was renamed has its name again also where it is only kept, and not made anew for the time being. */
async function nameBack(deps: SweepDeps, { attachment, pod }: Finding, signal: AbortSignal): Promise<void> {
  if (attachment === undefined || pod === undefined) return;
  const { sandboxId, interfaceName } = attachment;
  await underLock(deps, sandboxId, async () => {
    const stored = await deps.store.readAttachment({ node: deps.node, podUid: pod.uid, sandboxId, interfaceName });
    if (stored?.modRevision !== attachment.modRevision || stored.value.kind !== 'cni') return;
    const netns = await openRecorded(deps, stored.value, signal);
    try {
      const { own, other } = findOwnLink((await deps.kernel.observe(netns)).links, interfaceName, stored.value.result);
      if (own === undefined || own.name === interfaceName || other !== undefined) return;
      await renameLink(deps, netns, own, interfaceName);
    } finally {
      await netns.close();
    }
  });
}
