/** Several crash points in one kill: operations are held at their points, and the process dies while all of them stand there. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { failpointsFile } from '../../deploy/lab/podwire.ts';

/** Longer than any hold: what is held ends with the process. */
const DELAY_MS = 60_000;
const LOOK_EVERY_MS = 5;
/** A loaded machine takes seconds from an edit to the first step. */
const FIRST_HIT_LIMIT_MS = 15_000;

export interface Hold {
  readonly points: readonly string[];
  /** Longest time between the first hit and the kill: shorter than the time-out of what is held. */
  readonly holdMs: number;
  /** Makes the process come along the points. */
  readonly act: () => Promise<void>;
}

/**
 * Arms the points, acts, waits until each has somebody standing at it (or nobody may be held any longer), and kills the process.
 *
 * @returns the points at which something stood when the process died; none when none was reached in time
 */
export async function holdAndKill(lab: Lab, part: string, hold: Hold): Promise<string[]> {
  const file = failpointsFile(lab, part);
  writeFileSync(
    file,
    JSON.stringify(hold.points.map((point) => ({ point, action: 'delay', delayMs: DELAY_MS, once: true }))),
  );
  try {
    const acting = hold.act();
    const deadline = performance.now() + FIRST_HIT_LIMIT_MS;
    let firstHit: number | undefined;
    let waiting = hold.points.length;
    while (waiting > 0 && (firstHit === undefined || performance.now() - firstHit < hold.holdMs)) {
      await sleep(LOOK_EVERY_MS);
      waiting = armed(file).length;
      if (waiting < hold.points.length) firstHit ??= performance.now();
      if (firstHit === undefined && performance.now() > deadline) break;
    }
    await stopPart(lab, part, 'SIGKILL');
    const left = new Set(armed(file));
    await acting;
    return hold.points.filter((point) => !left.has(point));
  } finally {
    rmSync(file, { force: true });
  }
}

function armed(file: string): string[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { point: string }[]).map(({ point }) => point);
}
