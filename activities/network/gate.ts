/**
 * Opens a pod's gate: kube-vxlan-controller's agent init container holds the pod's start until its process 1 gets TERM. Agents of the
 * first generation look for a file instead. Through the container runtime on a node, through the Pod Exec API elsewhere.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PodwireError } from '../../domain/failures.ts';
import type { OpenGateInput, OpenGateResult } from './network-contract.ts';

/** What one command inside the container came to; `code` undefined: the container ended before it could be told. */
interface GateCommand {
  readonly code: number | undefined;
  readonly stderr: string;
}

/** The init container behind one task. */
export interface GateContainer {
  /** Id of the instance that runs now; undefined when none does. */
  running(): Promise<string | undefined>;
  run(argv: readonly string[]): Promise<GateCommand>;
}

const TOUCH = ['touch', '/run/terminate'];
const TERM = ['kill', '-TERM', '1'];

/** Until the container is seen to have ended: kubelet tells the API about a second late, and old agents look once a second. */
const END_LIMIT_MS = 8_000;
const LOOK_EVERY_MS = 200;

/** @throws PodwireError GateShut when the container goes on running, and what the container's own calls throw */
export async function openGate(
  input: OpenGateInput,
  container: GateContainer,
  signal: AbortSignal,
): Promise<OpenGateResult> {
  if ((await container.running()) !== input.containerId) return { outcome: 'gone' };
  // Of no importance for agents that heed TERM; their images need not have the file's folder, or touch.
  await container.run(TOUCH).catch(() => undefined);
  const killed = await container.run(TERM);
  const deadline = performance.now() + END_LIMIT_MS;
  for (;;) {
    if ((await container.running()) !== input.containerId) return { outcome: 'opened' };
    if (killed.code !== 0 && killed.code !== undefined) throw stillShut(input, `kill: ${said(killed)}`);
    if (performance.now() > deadline) throw stillShut(input, `it runs on ${END_LIMIT_MS / 1_000} s after TERM`);
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

const said = ({ code, stderr }: GateCommand): string => `exit ${code ?? '?'} ${stderr.trim().slice(0, 200)}`.trim();

const stillShut = ({ namespace, name }: OpenGateInput, why: string): PodwireError =>
  new PodwireError(
    'GateShut',
    `the agent init container of pod ${namespace}/${name} does not end: ${why}; its process 1 must exit on TERM`,
  );
