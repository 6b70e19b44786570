/**
 * nodeSweep: finds what nothing living owns and what was changed behind podwire's back. There are two looks with a pause in between, and
 * podwire acts only on what both looks found. What is to be removed is removed on the node; what is to be made anew is made by the pod's
 * own run. A sweep never waits for a node that is away.
 */
import { proxyActivities, proxyLocalActivities, setCurrentDetails, sleep } from '@temporalio/workflow';
import type { SweepControlActivities } from '../../activities/control/sweep/sweep-control-contract.ts';
import type {
  SweepActInput,
  SweepLookResult,
  SweepNodeActivities,
} from '../../activities/network/sweep/sweep-node-contract.ts';
import { nodeQueue } from '../../domain/messages.ts';
import type { Finding } from '../../domain/sweep/finding.ts';
import type { NodeSweepInput, SweepOutcome, SweepReport, SweepRow } from '../../domain/sweep/messages.ts';
import * as options from '../steps/activity-options.ts';
import { control } from '../steps/run-context.ts';
import { classify } from '../steps/outcome.ts';

const sweepControl = proxyLocalActivities<SweepControlActivities>(options.CONTROL);

export async function nodeSweep(input: NodeSweepInput): Promise<SweepReport> {
  const report = await sweep(input);
  setCurrentDetails(details(report));
  return report;
}

type Looked = SweepLookResult['findings'][number];

async function sweep(input: NodeSweepInput): Promise<SweepReport> {
  if (input.restored !== undefined) return done(input, await tellRestored(input.restored), 0);
  const first = await firstLook(input);
  if ('state' in first) return first;
  const { findings, more, gcDue } = first.result;
  if (findings.length === 0 && (!gcDue || input.dryRun === true)) return done(input, [], 0);
  await askForClaims(findings, input);
  if (findings.length > 0 && input.only === undefined) await sleep(`${input.pauseSeconds}s`);
  if (input.dryRun === true) return confirmed(input, findings);

  const ids = findings.map(({ id }) => id);
  const { removeForeign = false } = input;
  const spare = await livingAddresses(findings);
  const second = await onNode(input, 'second look', (node, how) =>
    node.sweepAct.executeWithOptions(how, [
      { ...at(input), ...onlyIn(input), ids, removeForeign, ...(spare.length === 0 ? {} : { spare }) },
    ]),
  );
  if ('state' in second) return second;
  const rows: SweepRow[] = [];
  for (const row of second.result.rows) {
    rows.push(row.outcome === 'found' ? await handOver(row) : await told(withFirst(row, findings)));
  }
  return done(input, rows, more);
}

const at = ({ node }: NodeSweepInput): { node: string } => ({ node });

const onlyIn = ({ only }: NodeSweepInput): Pick<SweepActInput, 'only'> =>
  only === undefined ? {} : { only: { podUid: only.podUid, sandboxId: only.sandboxId } };

async function firstLook(input: NodeSweepInput): Promise<{ result: SweepLookResult } | SweepReport> {
  if (input.only === undefined)
    return onNode(input, 'first look', (node, how) => node.sweepLook.executeWithOptions(how, [at(input)]));
  const findings = input.only.seen.map((finding) => ({ ...finding, ageSeconds: 0 }));
  return { result: { findings, more: 0, gcDue: false } };
}

/** A living pod's run may claim what no record owns, for example after podwire's etcd was lost. The run has the time of the pause for that. */
async function askForClaims(findings: readonly Looked[], { dryRun }: NodeSweepInput): Promise<void> {
  if (dryRun === true) return;
  const orphans = findings.filter(({ kind }) => kind === 'journal' || kind === 'link');
  const pods = new Map(orphans.flatMap(({ pod }) => (pod === undefined ? [] : [[pod.uid, pod] as const])));
  for (const pod of pods.values()) {
    await attempt(() => sweepControl.wakeIdlePod({ ...pod, reason: 'sweep: something of the pod has no record' }));
  }
}

/** Of the addresses that are to be taken out of forwarding tables, those that living pods have; all of them when the API cannot be asked. */
async function livingAddresses(findings: readonly Looked[]): Promise<readonly string[]> {
  const addresses = findings.flatMap(({ kind, action, addresses: found = [] }) =>
    kind === 'stranger' && action === 'remove' ? found : [],
  );
  if (addresses.length === 0) return [];
  const asked = [...new Set(addresses)];
  try {
    const living: string[] = [];
    for (let at = 0; at < asked.length; at += ADDRESSES_AT_ONCE) {
      living.push(...(await sweepControl.livingAddresses({ addresses: asked.slice(at, at + ADDRESSES_AT_ONCE) })));
    }
    return living;
  } catch (error) {
    if (classify(error).kind === 'cancelled') throw error;
    return asked;
  }
}

/** Each address is a request of the Kubernetes API, in a local activity of two seconds. */
const ADDRESSES_AT_ONCE = 16;

/** The report of a dry run: what both looks saw. */
async function confirmed(input: NodeSweepInput, findings: readonly Looked[]): Promise<SweepReport> {
  const second = await onNode(input, 'second look', (node, how) => node.sweepLook.executeWithOptions(how, [at(input)]));
  if ('state' in second) return second;
  const before = new Set(findings.map(({ id }) => id));
  const rows = second.result.findings
    .filter(({ id }) => before.has(id))
    .map(({ ageSeconds, ...finding }): SweepRow => ({ finding, ageSeconds, outcome: 'found' }));
  return done(input, rows, second.result.more);
}

/** A finding that is gone at the second look is shown as the first look saw it. */
function withFirst(row: SweepRow, findings: readonly Looked[]): SweepRow {
  const first = row.outcome === 'gone' ? findings.find(({ id }) => id === row.finding.id) : undefined;
  if (first === undefined) return row;
  const { ageSeconds, ...finding } = first;
  return { ...row, finding, ageSeconds };
}

/** Hands a finding over to the pod's run, which can make things anew or undo them. */
async function handOver(row: SweepRow): Promise<SweepRow> {
  const { finding } = row;
  const { pod, attachment, why } = finding;
  if (pod === undefined || attachment === undefined) return row;
  if (finding.kind === 'stranger') return tellOwner(row, finding);
  const drift = finding.kind === 'drift';
  const taken = await attempt(() => {
    if (drift) return sweepControl.repairDrift({ ...pod, ...attachment, why });
    return finding.over === true
      ? sweepControl.driftIsOver({ ...pod, ...attachment })
      : sweepControl.wakeIdlePod({ ...pod, reason: `sweep: ${attachment.interfaceName}: ${why}` });
  });
  if (taken === 'kept') return { ...row, outcome: 'reported', finding: { ...finding, why: `${why} (${KEPT})` } };
  if (typeof taken !== 'boolean') return { ...row, outcome: 'failed', note: taken.failed };
  const [yes, no]: SweepOutcome[] = drift ? ['repairing', 'gone'] : ['told', 'busy'];
  return { ...row, outcome: (taken ? yes : no) ?? 'failed' };
}

const KEPT = "kept: repaired once the pod's annotation and the network's definition are right again";

/** Tells the pod's owner of drift that is not repaired any more; nobody else has to be told of what the node has dealt with. */
async function told(row: SweepRow): Promise<SweepRow> {
  const { pod, attachment, repairs, why } = row.finding;
  if (row.outcome !== 'reported' || pod === undefined || attachment === undefined || repairs === undefined) return row;
  const taken = await attempt(() => sweepControl.tellDriftRemains({ ...pod, ...attachment, why }));
  if (typeof taken !== 'boolean') return { ...row, outcome: 'failed', note: taken.failed };
  return taken ? row : { ...row, outcome: 'gone' };
}

async function tellOwner(row: SweepRow, { pod, attachment, addresses = [] }: Finding): Promise<SweepRow> {
  if (pod === undefined || attachment === undefined) return row;
  const taken = await attempt(() => sweepControl.tellStrangers({ ...pod, ...attachment, addresses }));
  return typeof taken === 'boolean'
    ? { ...row, outcome: 'reported' }
    : { ...row, outcome: 'failed', note: taken.failed };
}

/** Tells pods' owners of what somebody changed and the node has set right. */
async function tellRestored(findings: readonly Finding[]): Promise<SweepRow[]> {
  const rows: SweepRow[] = [];
  for (const finding of findings) {
    const { pod, attachment, why, id } = finding;
    if (pod === undefined || attachment === undefined) continue;
    const taken = await attempt(() => sweepControl.tellRestored({ ...pod, ...attachment, why, id }));
    const settled =
      typeof taken === 'boolean'
        ? { outcome: 'repaired' as const }
        : { outcome: 'failed' as const, note: taken.failed };
    rows.push({ finding, ageSeconds: 0, ...settled });
  }
  return rows;
}

/** One try is enough, because the next sweep tries again. @returns why the try failed, if it did */
async function attempt<T>(call: () => Promise<T>): Promise<T | { readonly failed: string }> {
  try {
    return await call();
  } catch (error) {
    const outcome = classify(error);
    if (outcome.kind === 'cancelled') throw error;
    return {
      failed: outcome.kind === 'node-away' ? 'no answer' : `${outcome.failure.code}: ${outcome.failure.message}`,
    };
  }
}

type NodeProxy = ReturnType<typeof proxyActivities<SweepNodeActivities>>;

async function onNode<T>(
  input: NodeSweepInput,
  what: 'first look' | 'second look',
  call: (node: NodeProxy, how: { activityId: string; summary: string }) => Promise<T>,
): Promise<{ result: T } | SweepReport> {
  const node = proxyActivities<SweepNodeActivities>({ ...options.SWEEP, taskQueue: nodeQueue(input.node) });
  try {
    return { result: await call(node, { activityId: what.replace(' ', '-'), summary: `${what} at ${input.node}` }) };
  } catch (error) {
    const outcome = classify(error);
    if (outcome.kind === 'cancelled') throw error;
    if (outcome.kind === 'node-away') return nodeAway(input);
    return { ...done(input, [], 0), state: 'failed', note: `${outcome.failure.code}: ${outcome.failure.message}` };
  }
}

/** A person who asked for the sweep is told whether the node is there at all. */
async function nodeAway(input: NodeSweepInput): Promise<SweepReport> {
  const away: SweepReport = { ...done(input, [], 0), state: 'node-away' };
  if (input.dryRun === true) return away;
  return (await nodeExists(input.node)) === false ? { ...away, state: 'node-gone' } : away;
}

/** Undefined: the API cannot be asked. */
async function nodeExists(node: string): Promise<boolean | undefined> {
  try {
    const summary = `does node ${node} still exist?`;
    return (await control.readNode.executeWithOptions({ summary }, [{ node }])).exists;
  } catch (error) {
    if (classify(error).kind === 'cancelled') throw error;
    return undefined;
  }
}

const done = ({ node }: NodeSweepInput, rows: readonly SweepRow[], more: number): SweepReport => ({
  node,
  state: 'done',
  rows,
  more,
});

function details({ state, node, rows, more, note }: SweepReport): string {
  const head = `**${state}** on node ${node}${note === undefined ? '' : `: ${note}`}`;
  if (rows.length === 0) return state === 'done' ? `${head}: nothing found` : head;
  return [
    head,
    ...['', '| what | where | owner | outcome | why |', '|---|---|---|---|---|'],
    ...rows.map(({ finding, outcome, note: failure }) => line(finding, outcome, failure)),
    ...(more === 0 ? [] : ['', `${more} more`]),
  ].join('\n');
}

const line = ({ kind, where, owner, why }: Finding, outcome: SweepOutcome, failure: string | undefined): string =>
  `| ${[kind, where, owner, outcome, failure ?? why].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
