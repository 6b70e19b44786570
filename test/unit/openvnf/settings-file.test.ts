import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConfigError } from '../../../config/cli-flags.ts';
import { loadSettingsFile } from '../../../config/load-settings-file.ts';
import { readOrchestratorConfig } from '../../../config/orchestrator.ts';
import type { DialectSettings } from '../../../domain/settings.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'podwire-settings-'));
});
after(() => rmSync(folder, { recursive: true }));

const fileWith = (text: string): string => {
  const path = join(folder, 'settings.yaml');
  writeFileSync(path, text);
  return path;
};

async function dialectOf(
  text: string,
  argv: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<DialectSettings> {
  const all = ['--config', fileWith(text), ...argv];
  return readOrchestratorConfig(all, env, await loadSettingsFile(all, env)).dialect;
}

async function mistakesOf(text: string): Promise<string> {
  let message = '';
  await assert.rejects(dialectOf(text), (error) => {
    assert.ok(error instanceof ConfigError);
    ({ message } = error);
    return true;
  });
  return message;
}

test('an old installation is one file away: selector and annotation of vxlan.travelping.com, its ConfigMap and its agents', async () => {
  const dialect = await dialectOf(`
selector: vxlan.travelping.com
annotation: vxlan.travelping.com/networks
configmap_name: vxlan-nets
agent_container_name: agent
agent_init_container_name: agent-init
compatibility: kube-vxlan-controller
`);
  assert.equal(dialect.selector, 'vxlan.travelping.com');
  assert.equal(dialect.annotation, 'vxlan.travelping.com/networks');
  assert.equal(dialect.configMapName, 'vxlan-nets');
  assert.equal(dialect.configMapNamespace, 'kube-system');
  assert.equal(dialect.agents.container, 'agent');
  assert.equal(dialect.agents.initContainer, 'agent-init');
  assert.equal(dialect.compatibility, 'kube-vxlan-controller');
  assert.equal(dialect.inlineScope, 'cluster');
});

test('a flag wins over the environment, the environment over the file', async () => {
  const text = 'selector: a\nannotation: a\nconfigmap_name: a\n';
  const env = { PODWIRE_SELECTOR: 'b', PODWIRE_ANNOTATION: 'b', PODWIRE_CONFIGMAP_NAME: '' };
  const dialect = await dialectOf(text, ['--selector=c'], env);
  assert.deepEqual([dialect.selector, dialect.annotation, dialect.configMapName], ['c', 'b', 'a']);
});

test('the rules of the original may be had but for the scope of inline networks', async () => {
  const dialect = await dialectOf('compatibility: kube-vxlan-controller\ninline_scope: namespace\n');
  assert.equal(dialect.inlineScope, 'namespace');
});

test('JSON, booleans, numbers and lists are taken', async () => {
  const dialect = await dialectOf(
    JSON.stringify({ npwg: false, kaloom: true, cni_plugin_types: ['bridge', 'static'], relist_seconds: 30 }),
  );
  assert.equal(dialect.npwg.enabled, false);
  assert.equal(dialect.kaloom.enabled, true);
  assert.deepEqual(dialect.cniPolicy.pluginTypes, ['bridge', 'static']);
});

test('an empty file says nothing, and without a file there is none', async () => {
  assert.equal((await dialectOf('# nothing\n')).selector, 'vxlan.openvnf.org');
  assert.equal(await loadSettingsFile([], {}), undefined);
  assert.equal(await loadSettingsFile([], { PODWIRE_CONFIG: '' }), undefined);
});

for (const [says, text, mentions] of [
  ['an unknown key, with all known ones', 'selectr: a', ['"selectr"', 'selector', 'configmap_name']],
  [
    'a key in the form of a flag, with the right one',
    'configmap-name: a',
    ['"configmap-name"', 'write configmap_name'],
  ],
  ['a secret', 'temporal_api_key: k', ['"temporal_api_key"', 'is no setting']],
  ['a map as a value', 'selector: {a: b}', ['selector', 'no text']],
  ['a list of maps as a value', 'cni_plugin_types: [{a: b}]', ['cni_plugin_types']],
  ['a list at the top', '- selector', ['holds no map']],
  ['broken YAML', 'a: [', ['neither YAML nor JSON']],
  ['a key twice', 'selector: a\nselector: b', ['duplicated']],
  ['a value that the setting refuses', 'compatibility: openvnf', ['"openvnf"', '--compatibility']],
] as const) {
  test(`a settings file is refused for ${says}`, async () => {
    const message = await mistakesOf(text);
    for (const mention of mentions) assert.ok(message.includes(mention), `${mention} in ${message}`);
  });
}

test('a file that cannot be read is refused by its name', async () => {
  await assert.rejects(
    loadSettingsFile(['--config=/nowhere/podwire.yaml'], {}),
    /\/nowhere\/podwire\.yaml cannot be read/,
  );
});
