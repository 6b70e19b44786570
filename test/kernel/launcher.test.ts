import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLauncher, type Launcher } from '../../adapters/process/launcher.ts';
import { startTime } from '../../adapters/process/registry.ts';

const launchers: Launcher[] = [];
const registryDir = mkdtempSync(join(tmpdir(), 'podwire-launcher-'));
const launcher = (dir?: string): Launcher => {
  const created = createLauncher(dir === undefined ? {} : { registryDir: dir });
  launchers.push(created);
  return created;
};
after(() => {
  launchers.forEach((each) => each.close());
  rmSync(registryDir, { recursive: true });
});

/**
 * Makes a process one that its parent cannot see the end of, as of one that hangs in the kernel: who traces it does not wait for it.
 * Perl can make any system call; ptrace(2) has another number on each architecture.
 */
async function holdAfterDeath(pidFile: string): Promise<ChildProcess> {
  while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await sleep(20);
  const pid = readFileSync(pidFile, 'utf8').trim();
  const number = process.arch === 'arm64' ? 117 : 101;
  const PTRACE_SEIZE = 0x4206;
  const program = `$| = 1; syscall(${number}, ${PTRACE_SEIZE}, ${pid}, 0, 0) == 0 or die $!; print "held"; sleep 60`;
  const tracer = spawn('/usr/bin/perl', ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(tracer.stdout as NodeJS.ReadableStream, 'data');
  return tracer;
}

describe('launcher of child processes', () => {
  it('gives input and environment to the child, and its output and exit code back', async () => {
    const { run } = launcher();
    const seen = await run({
      file: '/bin/sh',
      args: ['-c', 'cat; echo $WORD >&2; exit 3'],
      input: 'in',
      env: { WORD: 'err' },
      timeoutMs: 5_000,
    });
    assert.deepEqual([seen.code, seen.stdout, seen.stderr], [3, 'in', 'err\n']);
  });

  it('hands an open file of this process to the child as descriptor 3', async () => {
    const fd = openSync('/proc/self/ns/net', 'r');
    try {
      const seen = await launcher().run({
        file: '/usr/bin/readlink',
        args: ['/proc/self/fd/3'],
        fds: [fd],
        timeoutMs: 5_000,
      });
      assert.equal(seen.stdout.trim(), readlinkSync('/proc/self/ns/net'));
    } finally {
      closeSync(fd);
    }
  });

  it('ends the whole group of a child at its time-out and when the caller aborts', async () => {
    const { run } = launcher();
    const sleeps = { file: '/bin/sh', args: ['-c', 'sleep 20 & sleep 20'] };
    const late = await run({ ...sleeps, timeoutMs: 100 });
    assert.deepEqual([late.code, late.signal, late.timedOut], [undefined, 'SIGKILL', true]);
    const abort = new AbortController();
    const interrupted = run({ ...sleeps, timeoutMs: 10_000, signal: abort.signal });
    abort.abort();
    assert.equal((await interrupted).aborted, true);
  });

  it('reports an unknown outcome when its process is killed, and starts another one for the next child', async () => {
    const { run } = launcher();
    const killed = await run({ file: '/bin/sh', args: ['-c', 'kill -9 $PPID; sleep 20'], timeoutMs: 10_000 });
    assert.equal(killed.code, undefined);
    assert.match(killed.stderr, /launcher of child processes ended: SIGKILL/);
    assert.equal((await run({ file: '/bin/true', args: [], timeoutMs: 5_000 })).code, 0);
  });

  it('ends a brief child that a killed launcher left behind, before it starts the next one', async () => {
    const { run } = launcher(registryDir);
    const pidFile = join(registryDir, 'pid-of-child');
    const script = `echo $$ > ${pidFile}; sleep 0.5; kill -9 $PPID; sleep 20`;
    const lost = await run({ file: '/bin/sh', args: ['-c', script], brief: true, timeoutMs: 10_000 });
    assert.equal(lost.code, undefined);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    assert.notEqual(startTime(pid), undefined, 'it was to be left behind');
    assert.equal((await run({ file: '/bin/true', args: [], brief: true, timeoutMs: 5_000 })).code, 0);
    const state = startTime(pid) === undefined ? 'gone' : readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2];
    assert.ok(state === 'gone' || state === 'Z', `it is in state ${state}`);
  });

  it('gives up a child that goes on although it was killed, and no other call with it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'podwire-launcher-hang-'));
    const own = createLauncher({ registryDir: dir });
    const { run } = own;
    const launcherPid = async (): Promise<string> =>
      (await run({ file: '/bin/sh', args: ['-c', 'echo $PPID'], timeoutMs: 5_000 })).stdout;
    const before = await launcherPid();
    const pidFile = join(dir, 'pid-of-child');
    const hanging = run({ file: '/bin/sh', args: ['-c', `echo $$ > ${pidFile}; exec sleep 60`], timeoutMs: 1_500 });
    const other = run({ file: '/bin/sh', args: ['-c', 'sleep 6; echo done'], timeoutMs: 20_000 });
    const tracer = await holdAfterDeath(pidFile);
    try {
      const hung = await hanging;
      assert.deepEqual([hung.code, hung.timedOut], [undefined, true]);
      assert.ok(hung.durationMs < 3_000, `given up after ${hung.durationMs} ms`);
      assert.notEqual(startTime(Number(readFileSync(pidFile, 'utf8'))), undefined, 'it was to go on');
      assert.deepEqual(
        readdirSync(dir).filter((name) => name.startsWith(`${readFileSync(pidFile, 'utf8').trim()}-`)).length,
        1,
        'a successor is not told of it',
      );
      assert.deepEqual([(await other).code, (await other).stdout], [0, 'done\n']);
      assert.equal(await launcherPid(), before);
    } finally {
      tracer.kill('SIGKILL');
      own.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('says so when there is no such program', async () => {
    for (const brief of [true, false]) {
      const seen = await launcher(registryDir).run({ file: '/usr/bin/not-there', args: [], brief, timeoutMs: 5_000 });
      assert.notEqual(seen.code, 0);
      assert.match(seen.stderr, /not-there/);
      assert.equal(seen.timedOut, false);
    }
  });

  it('refuses a descriptor that is not open, without starting anything', async () => {
    const refused = await launcher().run({ file: '/bin/true', args: [], fds: [9_999], timeoutMs: 5_000 });
    assert.equal(refused.code, undefined);
    assert.match(refused.stderr, /EBADF/);
  });
});
