/** The failpoint `kill` in the first process of a pid namespace, as a container's main process is one. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../adapters/process/run.ts';

test('a failpoint kills also the first process of a container, which its own SIGKILL does not reach', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-failpoint-'));
  const file = join(dir, 'failpoints.json');
  writeFileSync(file, JSON.stringify([{ point: 'here', action: 'kill', once: true }]));
  const module = JSON.stringify(new URL('../../adapters/host/crash-failpoints.ts', import.meta.url).pathname);
  const text = [
    `import { createFailpoints } from ${module};`,
    `process.on('exit', () => console.log('exit'));`,
    `console.log('pid', process.pid);`,
    `await createFailpoints(${JSON.stringify(file)}).hit('here');`,
    `console.log('survived');`,
  ].join('\n');
  try {
    const result = await run({
      file: '/usr/bin/unshare',
      args: [
        ...['--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'],
        ...['/usr/bin/prlimit', '--core=0', '--', process.execPath, '--import', import.meta.resolve('tsx')],
        ...['--input-type=module', '--eval', text],
      ],
      env: { PATH: '/usr/bin:/bin' },
      timeoutMs: 20_000,
    });
    assert.equal(result.stdout.trim(), 'pid 1');
    assert.equal(result.timedOut, false);
    assert.notEqual(result.code, 0);
    assert.equal(readFileSync(file, 'utf8'), '[]');
  } finally {
    rmSync(dir, { recursive: true });
  }
});
