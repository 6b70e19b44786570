import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import { capabilityProblems, HOST_KEYS, policyProblems } from '../../../domain/cni/policy.ts';
import { DEFAULT_DIALECT_SETTINGS, type CniPolicy } from '../../../domain/settings.ts';

const DEFAULT = DEFAULT_DIALECT_SETTINGS.cniPolicy;

function configOf(config: object) {
  const parsed = parseNetworkConfig(JSON.stringify({ cniVersion: '1.0.0', ...config }), 'n');
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.config;
}
const found = (config: object, policy: CniPolicy = DEFAULT) =>
  policyProblems(configOf(config), policy).map(({ code, key }) => `${code} ${key}`);

const type = 'bridge';
/** A configuration to what is found in it. */
const ROWS: Readonly<Record<string, readonly [config: object, ...findings: string[]]>> = {
  'a plugin that is allowed': [{ type, bridge: 'br0', ipam: { type: 'host-local', subnet: '10.0.0.0/24' } }],
  'ipam without a type': [{ type, ipam: {} }],
  'a plugin that is not allowed': [{ type: 'host-device' }, 'PluginNotAllowed type'],
  'another case of a plugin that is allowed': [{ type: 'Bridge' }, 'PluginNotAllowed type'],
  'an ipam that is not allowed': [{ type, ipam: { type: 'evil' } }, 'PluginNotAllowed type'],
  'the second plugin of a chain': [{ plugins: [{ type }, { type: 'evil' }] }, 'PluginNotAllowed type'],
  'a device of the host': [{ type, device: 'eth0' }, 'HostKeyNotAllowed device'],
  'a device by its bus': [{ type, pciBusID: '0000:00:1f.6' }, 'HostKeyNotAllowed pciBusID'],
  'a file of the host': [{ type, ipam: { type: 'host-local', dataDir: '/etc' } }, 'HostKeyNotAllowed dataDir'],
  'a resolver file': [
    { type, ipam: { type: 'host-local', resolvConf: '/etc/shadow' } },
    'HostKeyNotAllowed resolvConf',
  ],
  'a kubeconfig deep inside': [
    { type, ipam: { type: 'whereabouts', kubernetes: [{ kubeconfig: '/x' }] } },
    'HostKeyNotAllowed kubeconfig',
  ],
  'a log file': [{ type, ipam: { type: 'whereabouts', log_file: '/etc/cron.d/x' } }, 'HostKeyNotAllowed log_file'],
  'a host key in another case': [{ type, DATADIR: '/x' }, 'HostKeyNotAllowed DATADIR'],
  'a host key that only Go takes for it': [{ type, '\u017fysctl': {} }, 'HostKeyNotAllowed \u017fysctl'],
  'kernel settings': [{ type: 'tuning', sysctl: { 'net.core.somaxconn': '1' } }, 'HostKeyNotAllowed sysctl'],
  'firewall rules as text': [{ type: 'portmap', conditionsV4: ['-j', 'ACCEPT'] }, 'HostKeyNotAllowed conditionsV4'],
  'a plugin inside a plugin': [
    { type, delegate: { type: 'evil' } },
    'PluginNotAllowed type',
    'HostKeyNotAllowed delegate',
  ],
  'plugins inside a plugin, in another case': [
    { type, delegates: [{ Type: 'evil' }] },
    'PluginNotAllowed type',
    'HostKeyNotAllowed delegates',
  ],
};

describe('the policy finds in a configuration', () => {
  for (const [name, [config, ...findings]] of Object.entries(ROWS)) {
    it(`${findings.length === 0 ? 'nothing: ' : ''}${name}`, () => assert.deepEqual(found(config), findings));
  }

  it('each of the keys it knows', () => {
    for (const key of HOST_KEYS)
      assert.ok(found({ type, x: [{ [key]: 1 }] }).includes(`HostKeyNotAllowed ${key}`), key);
  });

  it('nothing of what the administrator allows, in whatever case', () => {
    const policy = { pluginTypes: [...DEFAULT.pluginTypes, 'host-device'], hostKeys: ['device'] };
    assert.deepEqual(found({ type: 'host-device', Device: 'eth1' }, policy), []);
    assert.deepEqual(found({ type: 'host-device', hwaddr: 'x' }, policy), ['HostKeyNotAllowed hwaddr']);
  });

  it('what is allowed and who says so', () => {
    const [plugin] = policyProblems(configOf({ type: 'evil' }), { pluginTypes: ['bridge', 'vlan'], hostKeys: [] });
    assert.equal(plugin?.why, '"type" is "evil"; allowed by the administrator (--cni-plugin-types): bridge, vlan');
    const [key] = policyProblems(configOf({ type, device: 'x' }), { ...DEFAULT, hostKeys: ['sysctl'] });
    assert.match(key?.why ?? '', /"device".*allowed: sysctl by the administrator \(--cni-host-keys\)/);
  });
});

describe('the capabilities of a chain', () => {
  const chain = configOf({
    plugins: [
      { type, capabilities: { ips: true, mac: false } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });

  it('are those of all its plugins together', () => {
    assert.deepEqual(capabilityProblems(chain, { ips: ['10.0.0.1'], portMappings: [] }), []);
    assert.deepEqual(capabilityProblems(chain, {}), []);
  });

  it('are missing when no plugin declares them, or with false', () => {
    const asked = { mac: '02:00:00:00:00:01', bandwidth: { ingressRate: 1 } };
    assert.deepEqual(
      capabilityProblems(chain, asked).map(({ key }) => key),
      ['mac', 'bandwidth'],
    );
  });
});
