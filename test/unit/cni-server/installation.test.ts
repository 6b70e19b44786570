import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import {
  chainConfiguration,
  configurePrimary,
  installPlugin,
  removeConfigurations,
} from '../../../adapters/cni-server/installation.ts';
import { writeWhole } from '../../../adapters/host/whole-files.ts';
import { chainedList } from '../../../domain/cni-server/chained-list.ts';

const SOCKET = '/run/podwire/cni.sock';
const OURS = '00-00-podwire.conflist';
const PRIMARY = '10-podwire.conflist';
const BRIDGE = { type: 'bridge', bridge: 'cni0', ipam: { type: 'host-local' } };
const LIST = { cniVersion: '1.0.0', name: 'cluster', disableCheck: true, plugins: [BRIDGE, { type: 'portmap' }] };
const LIST_TEXT = JSON.stringify(LIST);

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-install-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("podwire's plugin goes to the end of the first list, which otherwise stays as it is", () => {
  const chained = chainedList(
    [
      { name: '20-b.conflist', text: '{}' },
      { name: '10-a.conflist', text: LIST_TEXT },
    ],
    SOCKET,
  );
  assert.ok(chained.ok);
  assert.equal(chained.from, '10-a.conflist');
  assert.deepEqual(JSON.parse(chained.text ?? ''), { ...LIST, plugins: [...LIST.plugins, { type: 'podwire-cni' }] });
});

test('a single plugin becomes a list under the same name, and another socket is told to ours', () => {
  const chained = chainedList(
    [{ name: '10-a.conf', text: JSON.stringify({ cniVersion: '0.4.0', name: 'c', ...BRIDGE }) }],
    '/run/x.sock',
  );
  assert.ok(chained.ok);
  assert.deepEqual(JSON.parse(chained.text ?? ''), {
    ...{ cniVersion: '0.4.0', name: 'c' },
    plugins: [BRIDGE, { type: 'podwire-cni', socket: '/run/x.sock' }],
  });
});

test('a list that has the plugin already needs no other', () => {
  const text = JSON.stringify({ ...LIST, plugins: [BRIDGE, { type: 'podwire-cni' }] });
  assert.deepEqual(chainedList([{ name: '10-a.conflist', text }], SOCKET), {
    ok: true,
    from: '10-a.conflist',
    text: undefined,
  });
});

const REFUSED: readonly [what: string, name: string, text: string, isPassing: boolean, why: RegExp][] = [
  [
    "Multus' own",
    '00-multus.conf',
    '{"cniVersion":"1.0.0","name":"m","type":"multus-shim"}',
    false,
    /00-multus\.conf is Multus'/,
  ],
  ['an old version', '10-a.conflist', LIST_TEXT.replace('1.0.0', '0.2.0'), false, /cniVersion "0\.2\.0"; allowed/],
  ['one that is taken before ours', '0.conf', LIST_TEXT, false, /would be taken before 00-00-podwire/],
  ['half a file', '10-a.conflist', LIST_TEXT.slice(0, 30), true, /is no JSON/],
  ['an empty list', '10-a.conflist', '{"plugins":[]}', true, /has no plugins/],
  ['a file of another kind', '10-a.bak', LIST_TEXT, true, /no network configuration/],
];
for (const [what, name, text, isPassing, why] of REFUSED) {
  test(`podwire stands not behind ${what}`, () => {
    const chained = chainedList([{ name, text }], SOCKET);
    assert.ok(!chained.ok);
    assert.equal(chained.isPassing, isPassing);
    assert.match(chained.why, why);
  });
}

test('the configuration follows that of the node, and goes by itself only for one that podwire cannot stand behind', async (t) => {
  const folder = folderOf(t);
  const ours = (): { plugins: { type: string }[]; name: string } =>
    JSON.parse(readFileSync(join(folder, OURS), 'utf8')) as { plugins: { type: string }[]; name: string };
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'left');
  writeFileSync(join(folder, '10-a.conflist'), LIST_TEXT);
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'written');
  assert.deepEqual(
    ours().plugins.map(({ type }) => type),
    ['bridge', 'portmap', 'podwire-cni'],
  );
  assert.equal(statSync(join(folder, OURS)).mode & 0o777, 0o600);
  const { ino } = lstatSync(join(folder, OURS));
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'kept');
  assert.equal(lstatSync(join(folder, OURS)).ino, ino);
  writeFileSync(join(folder, '10-a.conflist'), LIST_TEXT.replace('cluster', 'other'));
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'written');
  assert.equal(ours().name, 'other');
  writeFileSync(join(folder, '10-a.conflist'), '');
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'left');
  assert.ok(existsSync(join(folder, OURS)));
  writeFileSync(join(folder, '00-multus.conf'), '{"cniVersion":"1.0.0","name":"m","type":"multus"}');
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'removed');
  assert.deepEqual(readdirSync(folder).sort(), ['00-multus.conf', '10-a.conflist']);
});

test('what is taken away is ours alone', async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, '10-a.conflist'), LIST_TEXT);
  await chainConfiguration(folder, SOCKET);
  writeFileSync(join(folder, PRIMARY), '{}');
  assert.deepEqual([await removeConfigurations(folder), await removeConfigurations(folder)], [[OURS, PRIMARY], []]);
  assert.deepEqual(readdirSync(folder), ['10-a.conflist']);
});

test('as the network podwire stands first, and behind it what the node has of the plugins for ports and limits', async (t) => {
  const [folder, plugins] = [folderOf(t), folderOf(t)];
  const types = (): unknown[] => {
    const list = JSON.parse(readFileSync(join(folder, PRIMARY), 'utf8')) as { plugins: object[] };
    return list.plugins;
  };
  assert.deepEqual(await configurePrimary(folder, SOCKET, [plugins]), {
    ...{ state: 'written', taken: PRIMARY, absent: ['portmap', 'bandwidth'] },
  });
  assert.deepEqual(types(), [{ type: 'podwire-cni', mode: 'primary' }]);
  assert.equal(statSync(join(folder, PRIMARY)).mode & 0o777, 0o600);
  writeFileSync(join(plugins, 'bandwidth'), '');
  for (const name of ['bandwidth', 'portmap']) writeFileSync(join(plugins, name), '', { mode: 0o755 });
  assert.deepEqual((await configurePrimary(folder, SOCKET, ['/nowhere', plugins])).absent, ['bandwidth']);
  chmodSync(join(plugins, 'bandwidth'), 0o755);
  assert.deepEqual((await configurePrimary(folder, SOCKET, [plugins])).absent, []);
  assert.deepEqual(types(), [
    { type: 'podwire-cni', mode: 'primary' },
    { type: 'portmap', capabilities: { portMappings: true } },
    { type: 'bandwidth', capabilities: { bandwidth: true } },
  ]);
  const { ino } = lstatSync(join(folder, PRIMARY));
  assert.equal((await configurePrimary(folder, SOCKET, [plugins])).state, 'kept');
  assert.equal(lstatSync(join(folder, PRIMARY)).ino, ino);
});

test('the plugin is told of another socket than the usual one', async (t) => {
  const folder = folderOf(t);
  await configurePrimary(folder, '/run/x.sock', []);
  const { plugins } = JSON.parse(readFileSync(join(folder, PRIMARY), 'utf8')) as { plugins: object[] };
  assert.deepEqual(plugins, [{ type: 'podwire-cni', mode: 'primary', socket: '/run/x.sock' }]);
});

test('of its two places podwire has one: as the network it stands behind none, and behind one it is not the network', async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, '10-a.conflist'), LIST_TEXT);
  await chainConfiguration(folder, SOCKET);
  // Another network that stays is taken before ours, and is told of.
  assert.equal((await configurePrimary(folder, SOCKET, [])).taken, '10-a.conflist');
  assert.deepEqual(readdirSync(folder).sort(), ['10-a.conflist', PRIMARY]);
  assert.equal((await chainConfiguration(folder, SOCKET)).state, 'written');
  assert.deepEqual(readdirSync(folder).sort(), [OURS, '10-a.conflist']);
});

test('the executable is installed beside others, by the names that were asked for, and replaced as a whole', async (t) => {
  const [from, folder] = [folderOf(t), folderOf(t)];
  writeFileSync(join(folder, 'contiv-cni'), "contiv's");
  writeFileSync(join(from, 'built'), 'first');
  await installPlugin(join(from, 'built'), folder, ['podwire-cni']);
  assert.equal(readFileSync(join(folder, 'contiv-cni'), 'utf8'), "contiv's");
  const before = lstatSync(join(folder, 'podwire-cni'));
  assert.equal(before.mode & 0o777, 0o755);
  writeFileSync(join(from, 'built'), 'second');
  await installPlugin(join(from, 'built'), folder, ['podwire-cni', 'contiv-cni']);
  assert.notEqual(lstatSync(join(folder, 'podwire-cni')).ino, before.ino);
  for (const name of ['podwire-cni', 'contiv-cni']) assert.equal(readFileSync(join(folder, name), 'utf8'), 'second');
  assert.equal(lstatSync(join(folder, 'podwire-cni')).nlink, 2);
  assert.deepEqual(readdirSync(folder).sort(), ['contiv-cni', 'podwire-cni']);
});

test('an installation that fails leaves what was there', async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'podwire-cni'), 'old');
  await assert.rejects(installPlugin(join(folder, 'nothing'), folder, ['podwire-cni']), /ENOENT/);
  assert.equal(readFileSync(join(folder, 'podwire-cni'), 'utf8'), 'old');
  assert.deepEqual(readdirSync(folder), ['podwire-cni']);
});

test('a file gets its mode whatever the umask', async (t) => {
  const path = join(folderOf(t), 'a');
  const umask = process.umask(0o077);
  try {
    await writeWhole(path, 'x', 0o644);
  } finally {
    process.umask(umask);
  }
  assert.equal(statSync(path).mode & 0o777, 0o644);
});
