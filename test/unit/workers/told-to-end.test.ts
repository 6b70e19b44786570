import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';

const MODULE = new URL('../../../workers/told-to-end.ts', import.meta.url).href;

/** A process that says when it is told to end, and ends a minute later. */
const SCRIPT = `
  const { toldToEnd } = await import(${JSON.stringify(MODULE)});
  const minute = setTimeout(() => undefined, 60_000);
  toldToEnd().signal.addEventListener('abort', () => console.log('told'));
  console.log('listens');
`;

async function told(...signals: readonly [NodeJS.Signals, ...NodeJS.Signals[]]): Promise<string[]> {
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', SCRIPT];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const heard: string[] = [];
  try {
    // One signal for each line: the next one is sent when the one before has arrived.
    const left = [...signals];
    for await (const line of createInterface(child.stdout)) {
      heard.push(line);
      const signal = left.shift();
      if (signal === undefined) break;
      child.kill(signal);
    }
  } finally {
    if (child.exitCode === null && child.signalCode === null && heard.length > signals.length) child.kill('SIGKILL');
  }
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  return [...heard, String(signal ?? code)];
}

describe('a process of podwire', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`is told to end by ${signal}, and does not end by the signal itself`, async () => {
      assert.deepEqual(await told(signal), ['listens', 'told', 'SIGKILL']);
    });

  it('is ended by a second signal', async () => {
    assert.deepEqual(await told('SIGTERM', 'SIGTERM'), ['listens', 'told', 'SIGTERM']);
  });
});
