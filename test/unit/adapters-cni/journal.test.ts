import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createCniJournal } from '../../../adapters/cni/journal.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'podwire-journal-')), 'cni');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

const entry = (interfaceName = 'net1', change: Partial<CniJournalEntry> = {}): CniJournalEntry => ({
  v: 1,
  podUid: 'uid',
  generation: 3,
  bootId: 'boot',
  call: {
    sandboxId: 'abc',
    netnsPath: '/run/netns/x',
    interfaceName,
    configText: '{ "cniVersion" : "1.0.0",\t"type":"bridge" }',
    networkName: 'n',
    capabilityArgs: { ips: ['10.0.0.1/8'], portMappings: [{ hostPort: 1, containerPort: 2, protocol: 'tcp' }] },
    args: [['IgnoreUnknown', '1']],
    configArgs: { a: [1, null, { b: 'c' }] },
  },
  basis: {
    network: { scope: 'shop', name: 'wired' },
    dialect: 'npwg',
    cni: { kind: 'cni', interfaceName, capabilityArgs: {}, args: [], defaultRoute: [] },
    definitionUid: 'd',
  },
  ...change,
});

test('what is written is read back, by another worker too', async () => {
  await createCniJournal(dir).write(entry());
  const journal = createCniJournal(dir);
  assert.deepEqual(await journal.read('abc', 'net1'), entry());
  const made = { ifindex: 6, hostIfindex: 40, mac: '02:00:00:00:00:06', mtu: 1500, addresses: ['10.0.0.1/8'] };
  const done = entry('net1', {
    sysctls: { order: 2, changed: [{ path: 'net/core/somaxconn', before: '4096', given: ['777'] }] },
    resultText: '{"cniVersion":"1.0.0"}',
    made: { ...made, adopted: false, before: 'absent', gateways: ['10.0.0.254'] },
  });
  await journal.write(done);
  assert.deepEqual(await journal.read('abc', 'net1'), done);
  assert.equal(await journal.read('abc', 'net2'), undefined);
});

test('the entries of one sandbox are listed without those of the others', async () => {
  const journal = createCniJournal(dir);
  const other = entry('net1', { call: { ...entry().call, sandboxId: 'abcd' } });
  for (const each of [entry('net1'), entry('net2'), other]) await journal.write(each);
  const names = async (sandboxId?: string): Promise<string[]> =>
    (await journal.list(sandboxId)).entries.map(({ call }) => `${call.sandboxId} ${call.interfaceName}`);
  assert.deepEqual(await names('abc'), ['abc net1', 'abc net2']);
  assert.deepEqual(await names(), ['abc net1', 'abc net2', 'abcd net1']);
});

test('only root can look at it', async () => {
  await createCniJournal(dir).write(entry());
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.equal(statSync(join(dir, 'abc_net1.json')).mode & 0o777, 0o600);
});

test('a removed entry is gone; removing it again is fine', async () => {
  const journal = createCniJournal(dir);
  await journal.write(entry());
  await journal.remove('abc', 'net1');
  await journal.remove('abc', 'net1');
  assert.deepEqual(readdirSync(dir), []);
});

test('the list holds all entries, and names those that cannot be read and leaves them', async () => {
  const journal = createCniJournal(dir);
  for (let i = 0; i < 40; i += 1) await journal.write(entry(`net${i}`));
  writeFileSync(join(dir, 'abc_torn.json'), '{"v":1,');
  writeFileSync(join(dir, 'abc_moved.json'), JSON.stringify(entry('other')));
  writeFileSync(join(dir, 'abc_more.json'), JSON.stringify({ ...entry('more'), more: 1 }));
  const { entries, unreadable } = await journal.list();
  assert.equal(entries.length, 40);
  assert.deepEqual(unreadable, ['abc_more.json', 'abc_moved.json', 'abc_torn.json']);
  await assert.rejects(journal.read('abc', 'torn'), { code: 'RecordInvalid', message: /abc_torn\.json.*no JSON/ });
});

test('what a killed worker did not finish is removed by the next one', () => {
  mkdirSync(dir);
  writeFileSync(join(dir, 'abc_net1.json.new'), '{"v"');
  createCniJournal(dir);
  assert.deepEqual(readdirSync(dir), []);
});

test('names that could be a path, or another entry, are refused', async () => {
  const journal = createCniJournal(dir);
  for (const [sandboxId, interfaceName] of [
    ['../x', 'net1'],
    ['a/b', 'net1'],
    ['a_b', 'net1'],
    ['', 'net1'],
    ['abc', '../net1'],
    ['abc', 'eth0'],
    ['abc', ''],
  ] as const) {
    await assert.rejects(journal.read(sandboxId, interfaceName), { code: 'RecordInvalid' });
    const call = { ...entry().call, sandboxId, interfaceName };
    await assert.rejects(journal.write(entry('net1', { call })), { code: 'RecordInvalid' });
  }
  assert.deepEqual(readdirSync(dir), []);
});
