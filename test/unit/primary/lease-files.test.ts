/** Leases on a disk, and what is left of them after a process was killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { openLeaseFiles } from '../../../adapters/primary/lease-files.ts';
import { podRange } from '../../../domain/primary/addressing.ts';
import type { Lease } from '../../../domain/primary/lease.ts';
import type { LeaseRange } from '../../../domain/primary/leases.ts';
import { promised, until } from '../../workflows/limits.ts';

const REST_MS = 60_000;
const made: string[] = [];
after(() => made.forEach((dir) => rmSync(dir, { recursive: true })));

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-leases-'));
  made.push(dir);
  return join(dir, 'primary', 'leases');
}

const range = (text: string): LeaseRange => ({
  ...podRange(ipNumbers.subnet(text) ?? assert.fail(text)),
  text,
  excluded: [],
});
const RANGES = [range('10.1.1.0/24'), range('fd00:1::/64')];
const holder = (sandboxId: string) => ({ sandboxId, ifName: 'eth0' });
const wanted = (sandboxId: string) => ({
  ...holder(sandboxId),
  pod: { namespace: 'default', name: `pod-${sandboxId}` },
});
const opened = (dir: string, restMs = REST_MS) => openLeaseFiles({ dir, restMs, ip: ipNumbers });
const texts = ({ addresses }: Pick<Lease, 'addresses'>): string =>
  addresses.map((each) => ipNumbers.text(each)).join(',');

describe('lease files', () => {
  it('are there again after a restart, released ones with the moment of it', async () => {
    const dir = newDir();
    const store = await opened(dir);
    const lease = await store.allocate(wanted('a'), RANGES);
    await store.allocate(wanted('b'), RANGES);
    const released = await store.release(holder('b'));
    await store.close();
    assert.deepEqual(readdirSync(dir).sort(), ['a~eth0~10.1.1.2,fd00:1::2~1', 'b~eth0~10.1.1.3,fd00:1::3~2']);
    const again = await opened(dir);
    assert.deepEqual(
      again.leases().toSorted((one, other) => one.sequence - other.sequence),
      [lease, released],
    );
    assert.deepEqual(await again.allocate(wanted('a'), RANGES), lease);
    assert.equal(texts(await again.allocate(wanted('c'), RANGES)), '10.1.1.4,fd00:1::4');
    await again.close();
  });

  it('go when the rest of their addresses is over', async () => {
    const dir = newDir();
    const store = await opened(dir, 0);
    await store.allocate(wanted('a'), RANGES);
    await store.release(holder('a'));
    await store.allocate(wanted('b'), RANGES);
    await store.close();
    assert.deepEqual(readdirSync(dir), ['b~eth0~10.1.1.3,fd00:1::3~2']);
  });

  it('are of one process at a time', async () => {
    const dir = newDir();
    const store = await opened(dir);
    await assert.rejects(opened(dir), /in the hands of another process/);
    await store.close();
    await (await opened(dir)).close();
  });

  it('of one sandbox are the same for all that ask at once, and a release comes after them', async () => {
    const store = await opened(newDir());
    const leases = Array.from({ length: 5 }, () => store.allocate(wanted('a'), RANGES));
    const released = store.release(holder('a'));
    assert.equal(new Set((await Promise.all(leases)).map(texts)).size, 1);
    assert.notEqual((await released)?.releasedAt, undefined);
    await store.close();
  });

  it('of which nothing is known are released without a word', async () => {
    const store = await opened(newDir());
    assert.equal(await store.release(holder('a')), undefined);
    await store.close();
  });

  it('that no runtime would ask for are refused, and take no address', async () => {
    const store = await opened(newDir());
    for (const sandboxId of ['', '../a', 'a/b', 'a~b', '-a', 'a'.repeat(129)])
      await assert.rejects(store.allocate(wanted(sandboxId), RANGES), { code: 'RecordInvalid' });
    for (const ifName of ['', '..', 'a/b', 'a~b', 'a'.repeat(16)])
      await assert.rejects(store.allocate({ ...wanted('a'), ifName }, RANGES), { code: 'RecordInvalid' });
    assert.deepEqual(store.leases(), []);
    await store.close();
  });

  const LOST: [string, (text: string) => string, RegExp][] = [
    ['is cut off', (text) => text.slice(0, 40), /it is no JSON/],
    ['is empty', () => '', /it is no JSON/],
    ['is zeros', (text) => '\0'.repeat(text.length), /it is no JSON/],
    ['lacks a field', (text) => text.replace(/"sequence":\d+,/, ''), /sequence/],
    ['has a field more', (text) => text.replace('{', '{"more":1,'), /more/],
    ['is of another version', (text) => text.replace('"v":1', '"v":2'), /^.*v: /],
    ['tells of another address', (text) => text.replace('10.1.1.2', '10.1.1.9'), /not what its name says/],
    [
      'tells of another moment in the order',
      (text) => text.replace('"sequence":1', '"sequence":7'),
      /not what its name says/,
    ],
    ['tells of another sandbox', (text) => text.replace('"a"', '"z"'), /not what its name says/],
  ];
  for (const [how, damage, why] of LOST)
    it(`whose content ${how} keep their addresses from others, are refused to their sandbox, and can be released`, async () => {
      const dir = newDir();
      const ranges = [range('10.1.1.0/29')];
      const first = await opened(dir);
      await first.allocate(wanted('a'), ranges);
      await first.close();
      const file = join(dir, readdirSync(dir)[0] ?? '');
      writeFileSync(file, damage(readFileSync(file, 'utf8')));
      const store = await opened(dir);
      assert.match(store.damaged()[0]?.why ?? '', why);
      await assert.rejects(store.allocate(wanted('a'), ranges), { code: 'RecordInvalid' });
      for (const name of ['b', 'c', 'd'])
        assert.notEqual(texts(await store.allocate(wanted(name), ranges)), '10.1.1.2');
      await assert.rejects(
        store.allocate(wanted('more'), ranges),
        /of 4 there are 3 in use, 1 of leases that cannot be read/,
      );
      await store.release(holder('a'));
      await store.close();
      const after = await opened(dir, 0);
      assert.deepEqual(after.damaged(), []);
      assert.equal(texts(await after.allocate(wanted('more'), ranges)), '10.1.1.2');
      await after.close();
    });

  it('of which a sandbox has two are refused, and both are released together', async () => {
    const dir = newDir();
    const first = await opened(dir);
    await first.allocate(wanted('a'), RANGES);
    await first.close();
    const [name = ''] = readdirSync(dir);
    const text = readFileSync(join(dir, name), 'utf8')
      .replaceAll('10.1.1.2', '10.1.1.9')
      .replace('"sequence":1', '"sequence":5');
    writeFileSync(join(dir, name.replace('10.1.1.2', '10.1.1.9').replace(/1$/, '5')), text);
    const store = await opened(dir);
    await assert.rejects(store.allocate(wanted('a'), RANGES), /there is another one of the same sandbox/);
    await store.release(holder('a'));
    await store.close();
    assert.equal(readdirSync(dir).length, 1);
    const again = await opened(dir);
    assert.deepEqual([again.damaged().length, again.leases()[0]?.addresses.length], [0, 4]);
    assert.equal(texts(await again.allocate(wanted('b'), RANGES)), '10.1.1.10,fd00:1::3');
    await again.close();
  });

  it('that are none are told of and left alone, unfinished ones are removed', async () => {
    const dir = newDir();
    const store = await opened(dir);
    await store.allocate(wanted('a'), RANGES);
    await store.close();
    const [name = ''] = readdirSync(dir);
    writeFileSync(join(dir, `.new-${name}`), '{');
    for (const stranger of ['README', 'a~eth0', 'a~eth0~nowhere~1', 'a~eth0~10.1.1.9~1~more', '~~~'])
      writeFileSync(join(dir, stranger), '');
    const again = await opened(dir);
    assert.deepEqual([...again.strangers].sort(), [
      'README',
      'a~eth0',
      'a~eth0~10.1.1.9~1~more',
      'a~eth0~nowhere~1',
      '~~~',
    ]);
    assert.equal(readdirSync(dir).length, 6);
    assert.equal(again.leases().length, 1);
    await again.close();
  });

  it('that cannot be written are not handed out, and written when they are asked for again', async () => {
    const dir = newDir();
    const store = await opened(dir);
    renameSync(dir, `${dir}-away`);
    await assert.rejects(store.allocate(wanted('a'), RANGES), { code: 'ENOENT' });
    await assert.rejects(store.allocate(wanted('a'), RANGES), { code: 'ENOENT' });
    renameSync(`${dir}-away`, dir);
    assert.deepEqual(readdirSync(dir), []);
    assert.equal(texts(await store.allocate(wanted('b'), RANGES)), '10.1.1.3,fd00:1::3');
    assert.equal(texts(await store.allocate(wanted('a'), RANGES)), '10.1.1.2,fd00:1::2');
    assert.equal(readdirSync(dir).length, 2);
    renameSync(dir, `${dir}-away`);
    await assert.rejects(store.release(holder('a')), { code: 'ENOENT' });
    renameSync(`${dir}-away`, dir);
    await store.release(holder('a'));
    await store.close();
    const again = await opened(dir);
    assert.deepEqual(
      again
        .leases()
        .filter(({ releasedAt }) => releasedAt !== undefined)
        .map(({ sandboxId }) => sandboxId),
      ['a'],
    );
    await again.close();
  });

  it('are readable by their owner alone', async () => {
    const dir = newDir();
    const store = await opened(dir);
    await store.allocate(wanted('a'), RANGES);
    await store.close();
    const modes = [dirname(dir), dir, join(dir, readdirSync(dir)[0] ?? '')].map((path) => statSync(path).mode & 0o777);
    assert.deepEqual(modes, [0o700, 0o700, 0o600]);
  });

  it('of a thousand pods are made, read again and released in a few seconds', async (t) => {
    const dir = newDir();
    const ranges = [range('10.64.0.0/16'), range('fd00:1::/64')];
    const store = await opened(dir);
    const names = Array.from({ length: 1_000 }, (_, index) => `${index}`.padStart(64, 'a'));
    const began = performance.now();
    const leases = await Promise.all(names.map((name) => store.allocate(wanted(name), ranges)));
    const allocated = performance.now();
    assert.equal(new Set(leases.flatMap(({ addresses }) => addresses).map((each) => ipNumbers.text(each))).size, 2_000);
    await store.close();
    const reading = performance.now();
    const again = await opened(dir);
    const read = performance.now();
    assert.equal(again.leases().length, 1_000);
    await Promise.all(names.map((name) => again.release(holder(name))));
    const released = performance.now();
    await again.close();
    assert.ok(released - began < promised(10_000));
    t.diagnostic(
      `1,000 leases: made in ${Math.round(allocated - began)} ms, read in ${Math.round(read - reading)} ms, released in ${Math.round(released - read)} ms`,
    );
  });
});

describe('a process that is killed while it makes and releases leases', () => {
  const SCRIPT = fileURLToPath(new URL('lease-churn.ts', import.meta.url));
  const SUBNET = '10.9.0.0/16';
  const ROUNDS = 6;

  it('leaves every lease that it told of, and none of two pods with one address', { timeout: 120_000 }, async (t) => {
    const dir = newDir();
    /** Of pods that were told of an address and did not ask for its release. */
    const sure = new Map<string, string>();
    const uncertain = new Set<string>();
    let done = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const output = await killedAfter(20 + 37 * round, [SCRIPT, dir, SUBNET, String(round)]);
      for (const line of output.split('\n').slice(0, -1)) {
        const [sign, sandboxId = '', address = ''] = line.split(' ');
        done += 1;
        if (sign === '+') {
          assert.ok(![...sure.values()].includes(address), `${address} is handed out twice: ${line}`);
          sure.set(sandboxId, address);
        } else {
          sure.delete(sandboxId);
          if (sign === '?') uncertain.add(sandboxId);
          else uncertain.delete(sandboxId);
        }
      }
      const store = await opened(dir, 0);
      const held = store.leases().filter(({ releasedAt }) => releasedAt === undefined);
      const byName = new Map(held.map((lease) => [lease.sandboxId, texts(lease)]));
      for (const [sandboxId, address] of sure) assert.equal(byName.get(sandboxId), address);
      assert.equal(new Set(byName.values()).size, byName.size, 'an address has two holders');
      assert.deepEqual([store.damaged(), store.strangers], [[], []]);
      // Besides: what was being written or released when the process was killed.
      assert.ok(held.length <= sure.size + uncertain.size + 4 * (round + 1));
      await store.close();
    }
    t.diagnostic(`${done} lines, ${sure.size} leases held at the end`);
  });

  /** Kills the process in the middle of its work, when it has said so many lines. @returns what it said */
  async function killedAfter(lines: number, argv: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, ['--import', 'tsx', ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    let closed = false;
    child.once('close', () => (closed = true));
    await until('the process makes leases', () => closed || output.split('\n').length > lines);
    child.kill('SIGKILL');
    await until('the process has ended', () => closed);
    return output;
  }
});
