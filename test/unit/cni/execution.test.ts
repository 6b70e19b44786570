import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cniArgsText, podArgs } from '../../../domain/cni/cni-args.ts';
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import { pluginStdin } from '../../../domain/cni/plugin-stdin.ts';

const parsed = parseNetworkConfig(
  JSON.stringify({
    cniVersion: '1.1.0',
    name: 'dbnet',
    plugins: [
      { type: 'bridge', name: 'other', cniVersion: '0.3.1', keyA: ['x'], args: { labels: [1], cni: { a: 1, b: 2 } } },
      { type: 'tuning', capabilities: { mac: true, ips: false }, mtu: 1400 },
    ],
  }),
  '',
);
assert.ok(parsed.ok);
const { config } = parsed;
const stdin = (index: number, rest: object = {}) => {
  const plugin = config.plugins[index];
  assert.ok(plugin);
  return pluginStdin({ config, plugin, capabilityArgs: { mac: '02:00:00:00:00:01', ips: ['10.0.0.1'] }, ...rest });
};

describe('a plugin of a chain gets', () => {
  it('name and version of the chain, and only what it declares, without the declaration', () => {
    assert.deepEqual(stdin(1), {
      type: 'tuning',
      mtu: 1400,
      name: 'dbnet',
      cniVersion: '1.1.0',
      runtimeConfig: { mac: '02:00:00:00:00:01' },
    });
  });

  it('its own keys unaltered, the arguments of the pod merged, and the result before it', () => {
    const prevResult = { cniVersion: '1.1.0', ips: [] };
    assert.deepEqual(stdin(0, { configArgs: { b: 3, c: { d: null } }, prevResult }), {
      type: 'bridge',
      name: 'dbnet',
      cniVersion: '1.1.0',
      keyA: ['x'],
      args: { labels: [1], cni: { a: 1, b: 3, c: { d: null } } },
      prevResult,
    });
    assert.deepEqual(stdin(1, { configArgs: { k: 1 } })['args'], { cni: { k: 1 } });
  });

  it('the same bytes each time', () => assert.equal(JSON.stringify(stdin(0)), JSON.stringify(stdin(0))));
});

describe('CNI_ARGS', () => {
  const pod = { uid: 'u-1', namespace: 'blue', name: 'web-0.x' };
  const prefix = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web-0.x;K8S_POD_INFRA_CONTAINER_ID=abc123';

  it('are in podagent’s order for Kaloom’s networks', () => {
    const own = [
      ['K8S_POD_NETWORK', 'green'],
      ['K8S_POD_IFMAC', ''],
    ] as const;
    const text = cniArgsText(podArgs('kaloom', pod, 'abc123', own));
    assert.equal(text, `${prefix};K8S_POD_NETWORK=green;K8S_POD_IFMAC=`);
  });

  it('tell NPWG plugins the UID too, when it is known', () => {
    assert.equal(cniArgsText(podArgs('npwg', pod, 'abc123', [])), `${prefix};K8S_POD_UID=u-1`);
    assert.equal(cniArgsText(podArgs('npwg', { ...pod, uid: '' }, 'abc123', [])), prefix);
  });

  it('are none when a key or value could be read as another pair', () => {
    for (const bad of ['a;K8S_POD_NAME=x', 'a=b', 'a b', 'a\nb', 'é', 'x'.repeat(257)]) {
      assert.equal(cniArgsText([['K', bad]]), undefined, bad);
      assert.equal(cniArgsText([[bad, 'v']]), undefined, bad);
    }
    assert.equal(cniArgsText([['', 'v']]), undefined);
    assert.equal(cniArgsText([['MAC', '02:00:00:00:00:01']]), 'MAC=02:00:00:00:00:01');
  });
});
