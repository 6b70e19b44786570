/** One round: hold, kill, start again, settle. Rounds are repeated until every point has had its kill. */
import type { TestContext } from 'node:test';
import type { Lab } from '../../deploy/lab/lab.ts';
import { nodePart, ORCHESTRATOR_PART, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { intentFirst } from '../lab/invariants.ts';
import { ACTS, type BenchAct, type CrashBench, type Group } from './crash-bench.ts';
import { holdAndKill } from './hold-and-kill.ts';
import type { CrashPoint } from './step-list.ts';

/** Kills while the act runs; returns the points at which something stood. */
export type Round = (lab: Lab, points: readonly string[], act: () => Promise<void>) => Promise<string[]>;

/** Start-to-close of a node's step is 15 s; who has not come by a few seconds after the first will not come. */
const NODE_HOLD_MS = 6_000;
/** A control step is tried again, or given up, 2 s after it was begun. */
const CONTROL_HOLD_MS = 1_700;
/** Rounds in a row that may cover nothing. */
const MAX_IDLE_ROUNDS = 4;

/** The points are dealt out to the nodes; the workers of all of them die. */
export const nodeRound: Round = async (lab, points, act) => {
  const hands = lab.nodes.map((node, index) => ({
    part: nodePart(node.name),
    points: points.filter((_, at) => at % lab.nodes.length === index),
  }));
  const armed = hands.filter((hand) => hand.points.length > 0);
  // All are armed before the act begins.
  const acting = Promise.resolve().then(act);
  const covered = await Promise.all(
    armed.map((hand) => holdAndKill(lab, hand.part, { points: hand.points, holdMs: NODE_HOLD_MS, act: () => acting })),
  );
  await intentFirst(lab);
  await Promise.all(armed.map(({ part }) => startPodwirePart(lab, part)));
  return covered.flat();
};

export const controlRound: Round = async (lab, points, act) => {
  const covered = await holdAndKill(lab, ORCHESTRATOR_PART, { points, holdMs: CONTROL_HOLD_MS, act });
  await intentFirst(lab);
  await startPodwirePart(lab, ORCHESTRATOR_PART);
  return covered;
};

/**
 * Every point gets a kill, as many of them in one as can be held at once.
 *
 * @throws Error naming points that were never reached, or the invariant that does not hold after a round
 */
export async function coverPoints(
  t: TestContext,
  lab: Lab,
  bench: CrashBench,
  points: readonly CrashPoint[],
  round: Round,
): Promise<void> {
  let pending = points;
  let idle = 0;
  while (pending.length > 0) {
    const acts = dealActs(bench.groups, new Set(pending.map(({ act }) => act as BenchAct)));
    const doing = new Set([...acts.values()]);
    const wanted = pending.filter(({ act }) => doing.has(act as BenchAct)).map(({ point }) => point);
    await bench.prepare(acts);
    const started = performance.now();
    const covered = wanted.length === 0 ? [] : await round(lab, [...new Set(wanted)], () => bench.act(acts));
    if (wanted.length === 0) await bench.act(acts);
    await bench.settled();
    const took = Math.round(performance.now() - started);
    t.diagnostic(`${[...doing].join(' + ')}, killed at ${covered.join(', ')}; all well after ${took} ms`);
    pending = pending.filter(({ act, point }) => !doing.has(act as BenchAct) || !covered.includes(point));
    idle = covered.length === 0 ? idle + 1 : 0;
    if (idle === MAX_IDLE_ROUNDS) throw new Error(`never reached: ${wanted.join(', ')}`);
  }
}

/** Each group gets an act that its state allows: one with points to cover, shared out evenly, else one that leads on. */
function dealActs(groups: readonly Group[], pending: ReadonlySet<BenchAct>): Map<Group, BenchAct> {
  const dealt = new Map<Group, BenchAct>();
  const times = (act: BenchAct): number => [...dealt.values()].filter((each) => each === act).length;
  for (const group of groups) {
    const possible = (Object.keys(ACTS) as BenchAct[]).filter((act) => ACTS[act].from === group.state);
    const useful = possible.filter((act) => pending.has(act));
    const [next] = (useful.length > 0 ? useful : possible).sort((a, b) => times(a) - times(b));
    if (next !== undefined)
      dealt.set(group, useful.length === 0 && pending.has('retry') && possible.includes('refuse') ? 'refuse' : next);
  }
  return dealt;
}
