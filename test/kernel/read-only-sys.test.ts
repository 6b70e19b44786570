/** A node worker where a container runtime has mounted /proc/sys read-only, in a mount namespace of the test's own. */
import assert from 'node:assert/strict';
import { accessSync, constants, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { run } from '../../adapters/process/run.ts';
import type { Seen } from './in-container.ts';

const PROGRAM = fileURLToPath(new URL('in-container.ts', import.meta.url));
/** As runc does with `readonlyPaths`. */
const READ_ONLY = [
  'mount --bind /proc/sys /proc/sys',
  'mount -o remount,bind,ro,nosuid,nodev,noexec /proc/sys',
  'grep -q "^[0-9]* [0-9]* [^ ]* /sys /proc/sys ro,nosuid,nodev,noexec,relatime" /proc/self/mountinfo',
];

type Environment = Readonly<Record<string, string>>;

async function inContainer(
  prepare: readonly string[],
  program: readonly string[],
  env: Environment = {},
): Promise<string> {
  const script = [...prepare, 'exec "$@"'].join(' && ');
  const result = await run({
    file: '/usr/bin/unshare',
    args: ['--mount', '--propagation', 'private', '--', '/bin/sh', '-c', script, 'sh', ...program],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: process.env['HOME'] ?? '/root', ...env },
    timeoutMs: 60_000,
  });
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

const NODE = [process.execPath, '--import', import.meta.resolve('tsx')];
const seenIn = async (prepare: readonly string[], args: readonly string[] = [], env?: Environment): Promise<Seen> =>
  JSON.parse(await inContainer(prepare, [...NODE, PROGRAM, ...args], env)) as Seen;
const BY_PROGRAMS = { PODWIRE_TEST_KERNEL: 'iproute2' };
const WITHOUT_NFT = [...READ_ONLY, 'mount --bind /dev/null /usr/sbin/nft'];

describe('where /proc/sys is read-only', () => {
  test('a worker that may mount makes its own view writable: links are deaf by their switch, and plugins may write settings', async () => {
    const seen = await seenIn(READ_ONLY, ['allow']);
    assert.deepEqual(seen, { access: { kind: 'remounted' }, up: true, acceptRa: '0', obeyed: false });
    assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), /^(?!.* \/proc\/sys ro)/s);
  });

  for (const [how, env] of Object.entries({ netlink: {}, programs: BY_PROGRAMS }))
    test(`links come up all the same by ${how}, and a router of a stranger is not obeyed, when nothing may be mounted`, async () => {
      const seen = await seenIn(READ_ONLY, [], env);
      assert.deepEqual({ ...seen, bridge: undefined }, { up: true, acceptRa: '1', obeyed: false, bridge: undefined });
      assert.match(String(seen.bridge), /ip_forward.*read-only file system/i);
      assert.match(String(seen.bridge), /\/proc\/sys.*privileged|appArmor/i);
    });

  test('netlink needs no program for the rule', async () => {
    const { up, acceptRa, obeyed, warning } = await seenIn(WITHOUT_NFT);
    assert.deepEqual({ up, acceptRa, obeyed, warning }, { up: true, acceptRa: '1', obeyed: false, warning: undefined });
  });

  test('by programs and without nft, links come up and the owner of the pod is told what they hear', async () => {
    const seen = await seenIn(WITHOUT_NFT, [], BY_PROGRAMS);
    assert.equal(seen.up, true);
    assert.match(String(seen.warning), /router advertisements are not refused.*sysctl: .*nft: .*Permission denied/);
    assert.match(String(seen.heard), /nft/);
    assert.equal(seen.obeyed, true);
  });

  test('a worker without the right to mount is told so, and goes on', async () => {
    const program = fileURLToPath(new URL('../../adapters/host/allow-sysctls.ts', import.meta.url));
    const runner = fileURLToPath(new URL('../../adapters/process/run.ts', import.meta.url));
    const text = `import { allowSysctls } from ${JSON.stringify(program)}; import { run } from ${JSON.stringify(runner)}; console.log(JSON.stringify(await allowSysctls(run)));`;
    const limited = ['/usr/bin/setpriv', '--bounding-set', '-sys_admin', '--'];
    const out = await inContainer(READ_ONLY, [...limited, ...NODE, '--input-type=module', '--eval', text]);
    const access = JSON.parse(out) as { kind: string; why: string };
    assert.equal(access.kind, 'read-only');
    assert.match(access.why, /mount: .*(permission denied|superuser)/i);
  });

  test('nothing of it reaches the rest of the machine', () => {
    accessSync('/proc/sys/net/ipv4/ip_forward', constants.W_OK);
  });
});
