import { readNodeConfig } from '../../../config/node.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../config/cli-flags.ts';
import { readOrchestratorConfig } from '../../../config/orchestrator.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

test('without anything set NPWG is on and isolated, Kaloom is off, and no key of the host is allowed', () => {
  const { dialect } = readOrchestratorConfig([], {});
  assert.deepEqual(dialect, DEFAULT_DIALECT_SETTINGS);
  assert.deepEqual([dialect.npwg.namespaceIsolation, dialect.kaloom.enabled], [true, false]);
  assert.deepEqual(dialect.cniPolicy.hostKeys, []);
});

test('the reference plugins are allowed, but for those that have no business in a running pod', () => {
  const { pluginTypes } = DEFAULT_DIALECT_SETTINGS.cniPolicy;
  const main = ['bridge', 'dummy', 'ipvlan', 'macvlan', 'ptp', 'tap', 'vlan'];
  const others = ['bandwidth', 'dhcp', 'firewall', 'host-local', 'portmap', 'sbr', 'static', 'tuning', 'vrf'];
  assert.deepEqual([...pluginTypes].sort(), [...main, ...others, 'whereabouts'].sort());
});

test('everything about CNI networks can be set by flag and by variable', () => {
  const argv = [
    '--npwg=false',
    '--npwg-adopt-foreign=true',
    '--npwg-shared-namespaces',
    'infra, net',
    '--cni-host-keys=device,sysctl',
  ];
  const { dialect } = readOrchestratorConfig(argv, {
    PODWIRE_NPWG_NAMESPACE_ISOLATION: 'false',
    PODWIRE_KALOOM: 'true',
    PODWIRE_KALOOM_NAMESPACE: 'networks',
    PODWIRE_CNI_PLUGIN_TYPES: 'bridge,host-device',
  });
  assert.deepEqual(dialect.npwg, {
    enabled: false,
    namespaceIsolation: false,
    sharedNamespaces: ['infra', 'net'],
    adoptForeign: true,
  });
  assert.deepEqual(dialect.kaloom, { enabled: true, namespace: 'networks' });
  assert.deepEqual(dialect.cniPolicy, { pluginTypes: ['bridge', 'host-device'], hostKeys: ['device', 'sysctl'] });
});

test('values that nothing could mean are refused', () => {
  const wrong: Readonly<Record<string, string>> = {
    npwg: 'yes',
    'npwg-shared-namespaces': 'Infra',
    'kaloom-namespace': 'a/b',
    'cni-plugin-types': '../sh',
    'cni-host-keys': 'everything',
  };
  for (const [flag, value] of Object.entries(wrong)) {
    assert.throws(
      () => readOrchestratorConfig([`--${flag}=${value}`], {}),
      (error) => error instanceof ConfigError && error.message.includes(`--${flag}`) && error.message.includes(value),
    );
  }
});

test('the node worker publishes the sandboxes of pods that ask by the same label and annotations as the watcher sees', () => {
  const { selector, npwg, kaloom } = DEFAULT_DIALECT_SETTINGS;
  const asks = { selector, npwg: { enabled: npwg.enabled }, kaloom: { enabled: kaloom.enabled } };
  assert.deepEqual(readNodeConfig([], { PODWIRE_NODE_NAME: 'n1' }).asks, asks);
  const env = { PODWIRE_NODE_NAME: 'n1', PODWIRE_SELECTOR: 'net', PODWIRE_NPWG: 'false', PODWIRE_KALOOM: 'true' };
  const others = { selector: 'net', npwg: { enabled: false }, kaloom: { enabled: true } };
  assert.deepEqual(readNodeConfig([], env).asks, others);
});

test('the node worker has the same policy from the same settings, for its own look', () => {
  const env = {
    PODWIRE_NODE_NAME: 'n1',
    PODWIRE_CNI_PLUGIN_TYPES: 'bridge,host-device',
    PODWIRE_CNI_HOST_KEYS: 'device',
  };
  const { cniPolicy } = readNodeConfig([], env);
  assert.deepEqual(cniPolicy, { pluginTypes: ['bridge', 'host-device'], hostKeys: ['device'] });
  assert.deepEqual(readNodeConfig([], { PODWIRE_NODE_NAME: 'n1' }).cniPolicy, DEFAULT_DIALECT_SETTINGS.cniPolicy);
});
