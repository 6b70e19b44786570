/** A node worker where netlink cannot be spoken: it says why, and works by programs. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { run } from '../../adapters/process/run.ts';
import type { Chosen } from './kernel-in-cage.ts';

const PROGRAM = fileURLToPath(new URL('kernel-in-cage.ts', import.meta.url));
const NODE = [process.execPath, '--import', import.meta.resolve('tsx')];
const [SETNS, SOCKET] = ['308', '41'];

/** @param prepare run before it in a mount namespace of its own */
async function chosen(prepare: readonly string[], ...refused: readonly string[]): Promise<Chosen> {
  const script = [...prepare, 'exec "$@"'].join(' && ');
  const { code, stdout, stderr } = await run({
    file: '/usr/bin/unshare',
    args: ['--mount', '--propagation', 'private', '--', '/bin/sh', '-c', script, 'sh', ...NODE, PROGRAM, ...refused],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: process.env['HOME'] ?? '/root' },
    timeoutMs: 60_000,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Chosen;
}

/** koffi's binaries for this platform, each hidden behind an empty file. */
function withoutBinaries(): string[] {
  const root = join(dirname(createRequire(import.meta.url).resolve('koffi')), '..', '@koromix');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.node'))
    .map((name) => `mount --bind /dev/null ${join(root, name)}`);
}

describe('a node worker', () => {
  test('speaks netlink where it can', async () => {
    const { access, why, links } = await chosen([]);
    assert.deepEqual([access, why], ['netlink', undefined]);
    assert.ok(links.includes('eth0'));
  });

  test('works by programs where there is no binary for its architecture or C library', async () => {
    const { access, why, links } = await chosen(withoutBinaries());
    assert.equal(access, 'iproute2');
    assert.match(String(why), /koffi|file too short|ERR_DLOPEN/i);
    assert.ok(links.includes('eth0'));
  });

  test('works by programs where seccomp refuses to enter a network namespace, and says so', async () => {
    const { access, why } = await chosen([], SETNS);
    assert.equal(access, 'iproute2');
    assert.match(String(why), /setns: Operation not permitted/);
  });

  test('works by programs where seccomp refuses sockets of netlink, and says so', async () => {
    const { access, why } = await chosen([], SOCKET);
    assert.equal(access, 'iproute2');
    assert.match(String(why), /socket: Operation not permitted/);
  });
});
