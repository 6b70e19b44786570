/** A program whose reader goes away, as after `| head`. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const MODULE = new URL('../../../adapters/process/closed-output.ts', import.meta.url).href;

/** Prints for as long as somebody reads, then does its last work, which it reports elsewhere. */
const PROGRAM = `
const { outliveClosedOutput, outputIsClosed } = await import(${JSON.stringify(MODULE)});
outliveClosedOutput();
while (!outputIsClosed()) {
  process.stdout.write('a line\\n');
  await new Promise((resolve) => setTimeout(resolve, 1));
}
process.stdout.write('one more line\\n');
await new Promise((resolve) => setTimeout(resolve, 1));
process.stderr.write('done');
`;

test(
  'a program whose output nobody reads any more goes on to its end and reports no failure',
  { timeout: 20_000 },
  async () => {
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', PROGRAM];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual({ code, said }, { code: 0, said: 'done' });
  },
);
