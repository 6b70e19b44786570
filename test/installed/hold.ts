/** A node's worker that stands still in the middle of a step, so that it can be taken away there. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { workerFailpoints } from '../../deploy/lab/installed.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';

/** Longer than it takes to end a worker that stands there. */
const HELD_MS = 15_000;

/** Acts, and returns while the worker stands at the point. @throws Error when it does not get there */
export async function holdWorker(lab: Lab, node: string, point: string, act: () => Promise<unknown>): Promise<void> {
  const file = workerFailpoints(lab, node);
  writeFileSync(file, JSON.stringify([{ point, action: 'delay', delayMs: HELD_MS, once: true }]));
  try {
    await act();
    const stands = async (): Promise<true | undefined> => readFileSync(file, 'utf8') === '[]' || undefined;
    await waitFor(`the worker of ${node} at ${point}`, stands, { limitMs: 20_000, everyMs: 20 });
  } finally {
    rmSync(file, { force: true });
  }
}
