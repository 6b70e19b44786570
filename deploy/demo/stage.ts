/** Plays acts one after the other and tells what happens. */
import { kubectl, type Lab } from '../lab/lab.ts';
import { waitFor } from '../lab/waiting.ts';
import { secondsText, type Act } from './act.ts';

/** An empty namespace in which pods can be created at once; what an earlier demo left in it is removed. */
export async function makeStage(lab: Lab, namespace: string): Promise<void> {
  await kubectl(lab, ['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=60s'], { timeoutMs: 70_000 });
  await kubectl(lab, ['create', 'namespace', namespace]);
  await waitFor(
    `service account of namespace ${namespace}`,
    async () => kubectl(lab, ['-n', namespace, 'get', 'serviceaccount', 'default', '-o', 'name']),
    { limitMs: 20_000, everyMs: 100 },
  );
}

/** @throws Error naming the act that failed and why; those after it are not played, they build on it */
export async function playActs(
  acts: readonly Act[],
  lab: Lab,
  namespace: string,
  print: (line: string) => void,
): Promise<void> {
  const rows: string[] = [];
  for (const [index, act] of acts.entries()) {
    print(`\n--- act ${index + 1} of ${acts.length}: ${act.title}`);
    const started = performance.now();
    try {
      await act.run({
        lab,
        namespace,
        did: (line) => print(`  did  ${line}`),
        saw: (line) => print(`  saw  ${line}`),
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`act ${index + 1} (${act.title}): ${why}`, { cause: error });
    }
    const took = secondsText(performance.now() - started);
    print(`  ok   ${took}`);
    rows.push(`  ok  act ${index + 1}  ${took.padStart(7)}  ${act.title}`);
  }
  print('');
  for (const row of rows) print(row);
}
