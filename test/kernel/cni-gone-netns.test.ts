/**
 * Chains of the reference plugins, real: whether CHECK says that a healthy attachment is one, and whether DEL ends well, and again, once the
 * netns is gone. Addresses are free then.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CniCheck } from '../../domain/ports/cni-plugins.ts';
import { createCniBench, hostLocal, NEVER, type CniBench } from './cni-bench.ts';

const IP = '/usr/sbin/ip';
type Plugins = (bench: CniBench) => object[];

const bridge = (bench: CniBench, more: object = {}): object => ({
  ...{ type: 'bridge', bridge: 'br-test', isGateway: true, ipam: hostLocal(bench) },
  ...more,
});
const routed = (bench: CniBench): object => ({ ...hostLocal(bench), routes: [{ dst: '10.77.0.0/16' }] });
const still = { type: 'static', addresses: [{ address: '10.9.0.9/24' }] };
const rates = { ingressRate: 1_000_000, ingressBurst: 1_000_000, egressRate: 1_000_000, egressBurst: 1_000_000 };
const tuning = { type: 'tuning', mac: '02:00:00:00:09:01', mtu: 1400, promisc: true };

const CHAINS: readonly (readonly [string, CniCheck['kind'], Plugins])[] = [
  ['bridge', 'ok', (bench) => [bridge(bench)]],
  ['bridge without IPAM', 'unsupported', () => [{ type: 'bridge', bridge: 'br-test' }]],
  ['bridge with ipMasq', 'ok', (bench) => [bridge(bench, { ipMasq: true })]],
  ['macvlan', 'ok', (bench) => [{ type: 'macvlan', master: 'far0', ipam: hostLocal(bench) }]],
  ['ptp', 'ok', (bench) => [{ type: 'ptp', ipMasq: true, ipam: hostLocal(bench) }]],
  ['host-device', 'ok', (bench) => [{ type: 'host-device', device: 'far0', ipam: hostLocal(bench) }]],
  ['bridge, tuning', 'ok', (bench) => [bridge(bench), { ...tuning, dataDir: bench.dataDir }]],
  ['bridge, bandwidth', 'ok', (bench) => [bridge(bench), { type: 'bandwidth', ...rates }]],
  ['bridge, portmap', 'ok', (bench) => [bridge(bench), { type: 'portmap', capabilities: { portMappings: true } }]],
  ['bridge, firewall', 'ok', (bench) => [bridge(bench), { type: 'firewall', backend: 'iptables' }]],
  // The routes that the first plugin looks for are in the table of sbr.
  ['bridge, sbr', 'unsupported', (bench) => [bridge(bench), { type: 'sbr' }]],
  [
    'bridge with static, sbr',
    'unsupported',
    (bench) => [bridge(bench, { isGateway: false, ipam: still }), { type: 'sbr' }],
  ],
  [
    'macvlan, sbr',
    'unsupported',
    (bench) => [{ type: 'macvlan', master: 'far0', ipam: routed(bench) }, { type: 'sbr' }],
  ],
  ['ptp, sbr', 'unsupported', (bench) => [{ type: 'ptp', ipam: routed(bench) }, { type: 'sbr' }]],
  [
    'host-device, sbr',
    'unsupported',
    (bench) => [{ type: 'host-device', device: 'far0', ipam: routed(bench) }, { type: 'sbr' }],
  ],
];

async function withBench(work: (bench: CniBench) => Promise<void>): Promise<void> {
  const bench = await createCniBench();
  try {
    await work(bench);
  } finally {
    await bench.close();
  }
}

const callOf = (bench: CniBench, plugins: object[]) =>
  bench.call(
    { cniVersion: '1.0.0', name: 'test', plugins },
    { capabilityArgs: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] } },
  );

for (const [name, check, plugins] of CHAINS) {
  describe(name, () => {
    test(`CHECK of a healthy attachment: ${check}; of one without its address: failed`, () =>
      withBench(async (bench) => {
        const call = callOf(bench, plugins(bench));
        const { text } = await bench.plugins.add(call, NEVER);
        assert.deepEqual(await bench.plugins.check(call, text, NEVER), { kind: check });
        if (text.includes('10.9.0.')) {
          await bench.pod.exec([IP, 'address', 'flush', 'dev', 'net1']);
          assert.equal((await bench.plugins.check(call, text, NEVER)).kind, 'failed');
        }
        await bench.plugins.del(call, text, NEVER);
        await bench.plugins.del(call, text, NEVER);
      }));

    test('DEL of a netns that is gone ends well, with the result of its ADD or without', () =>
      withBench(async (bench) => {
        const call = callOf(bench, plugins(bench));
        const { text } = await bench.plugins.add(call, NEVER);
        await bench.pod.remove();
        const gone = { ...call, netnsPath: '' };
        await bench.plugins.del(gone, text, NEVER);
        await bench.plugins.del(gone, undefined, NEVER);
        assert.deepEqual(bench.reserved('test'), []);
      }));
  });
}

test('a gateway that bridge does not find without sbr, and an sbr that fails while there is a netns, are failures', () =>
  withBench(async (bench) => {
    const call = callOf(bench, [bridge(bench)]);
    const { text } = await bench.plugins.add(call, NEVER);
    await bench.pod.exec([IP, 'route', 'flush', 'dev', 'net1']);
    const seen = await bench.plugins.check(call, text, NEVER);
    assert.match(JSON.stringify(seen), /"failed".*Failed to find Gateway/);
    await bench.plugins.del(call, text, NEVER);
    const away = { ...callOf(bench, [{ type: 'sbr' }]), netnsPath: '/run/netns/absent/there' };
    await assert.rejects(bench.plugins.del(away, text, NEVER), /sbr, DEL failed/);
  }));
