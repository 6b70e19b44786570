/** A lab's etcd is killed and started again at once on the same port, as outages in tests do it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { tied } from '../../adapters/process/child.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { isFree } from '../../deploy/lab/state.ts';
import { freePort } from '../workflows/free-port.ts';
import { untilAsked } from '../workflows/limits.ts';

/** While only the first thread was waited for, the port was still taken in every second round. */
const ROUNDS = 8;

test('a killed daemon of many threads is gone only when its port is free', async () => {
  const file = findProgram('etcd') ?? '/usr/bin/etcd';
  const [client, peer] = [await freePort(), await freePort()];
  const dir = mkdtempSync(join(tmpdir(), 'podwire-test-daemon-'));
  const noteFile = join(dir, 'pid');
  const url = `http://127.0.0.1:${client}`;
  const [program, args] = tied({
    file,
    args: [
      ...['--data-dir', join(dir, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`],
    ],
  });
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      await startDaemon({ file: program, args, env: { HOME: dir }, logFile: join(dir, 'log'), noteFile });
      await untilAsked('etcd listens', async () => !(await isFree(client)), 20_000);
      await stopDaemon(noteFile, 'SIGKILL', 5_000);
      assert.ok(await isFree(client), `port ${client} is still taken in round ${round}`);
      rmSync(join(dir, 'data'), { recursive: true });
    }
  } finally {
    await stopDaemon(noteFile, 'SIGKILL', 5_000);
    rmSync(dir, { recursive: true, force: true });
  }
});
