/** The reference plugins, real, through the adapter: what ADD makes is there, CHECK sees it, DEL leaves nothing. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CniCall, CniCheck } from '../../domain/ports/cni-plugins.ts';
import { installFakePlugin } from '../fakes/cni-plugin/install.ts';
import { createCniBench, hostLocal, linkIn, NEVER, type CniBench } from './cni-bench.ts';

let bench: CniBench;
before(async () => {
  bench = await createCniBench();
});
after(() => bench.close());
afterEach(async () => {
  const inPod = await bench.links(bench.pod);
  const left = (await bench.links(bench.host)).filter((name) => name !== 'br-test');
  // One failure is not to become the next test's.
  for (const name of inPod) await bench.pod.exec(['/usr/sbin/ip', 'link', 'del', name], { mayFail: true });
  for (const name of left) await bench.host.exec(['/usr/sbin/ip', 'link', 'del', name], { mayFail: true });
  assert.deepEqual(inPod, [], 'links left in the pod');
  assert.deepEqual(left, [], 'links left on the host');
});

const bridge = (more: object = {}): object => ({ type: 'bridge', bridge: 'br-test', ...more });
const list = (plugins: object[], more: object = {}): object => ({
  cniVersion: '1.0.0',
  name: 'test',
  plugins,
  ...more,
});

/** ADD, CHECK, DEL, and DEL once more; `look` sees the link between CHECK and DEL. */
async function wholeLife(
  call: CniCall,
  look: (link: NonNullable<Awaited<ReturnType<typeof linkIn>>>) => unknown,
  check: CniCheck['kind'] = 'ok',
) {
  const result = await bench.plugins.add(call, NEVER);
  const link = await linkIn(bench.pod, call.interfaceName);
  assert.ok(link, `${call.interfaceName} is not in the pod`);
  assert.ok(link.up, 'the link is down');
  assert.deepEqual(await bench.plugins.check(call, result.text, NEVER), { kind: check });
  await look(link);
  await bench.plugins.del(call, result.text, NEVER);
  assert.equal(await linkIn(bench.pod, call.interfaceName), undefined);
  await bench.plugins.del(call, result.text, NEVER);
  return result;
}

test('bridge without IPAM: a link without addresses, which bridge cannot CHECK, gone after DEL', async () => {
  const noAddress = ({ addresses }: { addresses: string[] }): void => assert.deepEqual(addresses, []);
  const result = await wholeLife(bench.call(list([bridge()])), noAddress, 'unsupported');
  assert.equal(result.cniVersion, '1.0.0');
  assert.ok(result.interfaces.some(({ name, sandbox }) => name === 'net1' && sandbox === bench.pod.path));
});

test('a single plugin in a .conf of CNI 0.3.1 works and cannot be checked', async () => {
  const call = bench.call({ cniVersion: '0.3.1', name: 'test', ...bridge({ ipam: hostLocal(bench) }) });
  const result = await bench.plugins.add(call, NEVER);
  assert.equal(result.cniVersion, '0.3.1');
  assert.equal(result.ips[0]?.address, '10.9.0.2/24');
  assert.deepEqual(await bench.plugins.check(call, result.text, NEVER), { kind: 'unsupported' });
  await bench.plugins.del(call, result.text, NEVER);
  assert.deepEqual(bench.reserved('test'), []);
});

test('bridge with host-local: the address of the result is on the link, and free again after DEL', async () => {
  const call = bench.call(list([bridge({ ipam: hostLocal(bench) })]));
  const result = await wholeLife(call, ({ addresses }) => {
    assert.equal(bench.reserved('test').length, 1);
    assert.equal(addresses.length, 1);
  });
  assert.match(result.ips[0]?.address ?? '', /^10\.9\.0\.\d+\/24$/);
  assert.deepEqual(bench.reserved('test'), []);
});

test('DEL with the sandbox gone (an empty netns path) frees the address', async () => {
  const call = bench.call(list([bridge({ ipam: hostLocal(bench) })]));
  const { text } = await bench.plugins.add(call, NEVER);
  await bench.pod.exec(['/usr/sbin/ip', 'link', 'del', 'net1']);
  await bench.plugins.del({ ...call, netnsPath: '' }, text, NEVER);
  assert.deepEqual(bench.reserved('test'), []);
});

test('macvlan on a veth', async () => {
  await wholeLife(bench.call(list([{ type: 'macvlan', master: 'eth0', mode: 'bridge' }])), () => undefined);
});

test('ptp with host-local', async () => {
  await wholeLife(bench.call(list([{ type: 'ptp', ipam: hostLocal(bench) }])), ({ addresses }) =>
    assert.equal(addresses.length, 1),
  );
  assert.deepEqual(bench.reserved('test'), []);
});

test('host-device moves a link into the pod and back', async () => {
  const ip = '/usr/sbin/ip';
  await bench.host.exec([ip, 'link', 'add', 'dev7', 'type', 'veth', 'peer', 'name', 'dev7far']);
  await wholeLife(bench.call(list([{ type: 'host-device', device: 'dev7' }])), () => undefined);
  assert.ok(await linkIn(bench.host, 'dev7'), 'the device did not come back');
  await bench.host.exec([ip, 'link', 'del', 'dev7']);
});

test('a chain: bridge, tuning, portmap and bandwidth with the arguments of their capabilities', async (t) => {
  const call = bench.call(
    list([
      bridge({ ipam: hostLocal(bench) }),
      { type: 'tuning', capabilities: { mac: true }, mtu: 1400, dataDir: join(bench.dataDir, 'tuning') },
      { type: 'portmap', capabilities: { portMappings: true }, snat: false },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ]),
    {
      capabilityArgs: {
        mac: '02:11:22:33:44:55',
        portMappings: [{ hostPort: 18080, containerPort: 80, protocol: 'tcp' }],
        bandwidth: { ingressRate: 8_000_000, ingressBurst: 8_000_000 },
      },
    },
  );
  const startedAt = performance.now();
  await wholeLife(call, async ({ mac, mtu }) => {
    t.diagnostic(`ADD and CHECK of four plugins: ${Math.round(performance.now() - startedAt)} ms`);
    assert.equal(mac, '02:11:22:33:44:55');
    assert.equal(mtu, 1400);
    const rules = await bench.host.exec(['/usr/sbin/iptables', '-t', 'nat', '-S']);
    assert.match(rules, /--dport 18080/);
    const host = (await bench.links(bench.host)).find((name) => name.startsWith('veth')) ?? '';
    assert.match(await bench.host.exec(['/usr/sbin/tc', 'qdisc', 'show', 'dev', host]), /tbf/);
  });
  assert.doesNotMatch(await bench.host.exec(['/usr/sbin/iptables', '-t', 'nat', '-S']), /18080/);
  assert.deepEqual(bench.reserved('test'), []);
  assert.deepEqual(readdirSync(join(bench.dataDir, 'tuning')), []);
});

test('static gets the addresses that the pod asked for', async () => {
  const config = list([bridge({ ipam: { type: 'static' }, capabilities: { ips: true } })]);
  const call = bench.call(config, { capabilityArgs: { ips: ['10.7.0.9/24', 'fd07::9/64'] } });
  await wholeLife(call, ({ addresses }) => assert.deepEqual(addresses, ['10.7.0.9/24', 'fd07::9/64']));
});

test('a link that somebody deleted is seen by CHECK', async () => {
  const call = bench.call(list([{ type: 'ptp', ipam: hostLocal(bench) }]));
  const { text } = await bench.plugins.add(call, NEVER);
  await bench.pod.exec(['/usr/sbin/ip', 'link', 'del', 'net1']);
  const check = await bench.plugins.check(call, text, NEVER);
  assert.equal(check.kind, 'failed');
  assert.match(check.kind === 'failed' ? check.message : '', /net1/);
  await bench.plugins.del(call, text, NEVER);
});

test("a bridge whose own address changed, as other pods' links make it, is no failed CHECK", async () => {
  const call = bench.call(list([bridge({ ipam: hostLocal(bench) })]));
  const { text } = await bench.plugins.add(call, NEVER);
  await bench.host.exec(['/usr/sbin/ip', 'link', 'set', 'br-test', 'address', '02:00:00:00:00:42']);
  assert.deepEqual(await bench.plugins.check(call, text, NEVER), { kind: 'unsupported' });
  await bench.plugins.del(call, text, NEVER);
});

test('a taken interface name is a failure that reserves nothing', async () => {
  const call = bench.call(list([bridge({ ipam: hostLocal(bench) })]));
  const { text } = await bench.plugins.add(call, NEVER);
  await assert.rejects(bench.plugins.add(bench.call(list([bridge()]), { sandboxId: 'b'.repeat(64) }), NEVER), {
    code: 'CniFailed',
    message: /already exists/,
  });
  assert.equal(bench.reserved('test').length, 1);
  await bench.plugins.del(call, text, NEVER);
});

// Fault: the second plugin of a chain fails ADD and DEL, for ever (containerd #12130).
test('50 rounds of ADD with a second plugin that fails ADD and DEL leave nothing behind', async () => {
  const fake = installFakePlugin(bench.binDir, 'failing', {
    ADD: { code: 111, msg: 'no' },
    DEL: { code: 112, msg: 'no' },
  });
  const call = bench.call(list([bridge({ ipam: hostLocal(bench) }), { type: 'failing' }]));
  for (let round = 0; round < 50; round += 1) {
    await assert.rejects(bench.plugins.del(call, undefined, NEVER), { code: 'CniFailed' });
    await assert.rejects(bench.plugins.add(call, NEVER), { code: 'CniFailed', message: /code 111: no/ });
    assert.equal(bench.reserved('test').length, 1);
    assert.deepEqual(await bench.links(bench.pod), ['net1']);
  }
  fake.control({});
  await bench.plugins.del(call, undefined, NEVER);
  assert.deepEqual(bench.reserved('test'), []);
});

test('the reference plugins say by STATUS that they are ready', async () => {
  const config = { cniVersion: '1.1.0', name: 'test', plugins: [bridge({ ipam: hostLocal(bench) })] };
  await bench.plugins.ready({ configText: JSON.stringify(config), networkName: 'test' });
});

/** The reference plugins accept GC and do nothing (`FIXME GC` in their sources, v1.9.1): leaks are the sweeper's business. */
test('GC is accepted by the reference plugins and removes nothing', async () => {
  const call = bench.call({ ...list([bridge({ ipam: hostLocal(bench) })]), cniVersion: '1.1.0' });
  const { text } = await bench.plugins.add(call, NEVER);
  assert.equal(await bench.plugins.gc(call.configText, 'test', [], NEVER), true);
  assert.equal(bench.reserved('test').length, 1);
  assert.equal(await bench.plugins.gc(JSON.stringify(list([bridge()])), 'test', [], NEVER), false);
  await bench.plugins.del(call, text, NEVER);
});

test('a version that the plugin does not know is refused with those it knows', async () => {
  const debian = bench.with({ binDirs: ['/usr/lib/cni'] });
  const call = bench.call({ cniVersion: '1.1.0', name: 'test', ...bridge() });
  await assert.rejects(debian.add(call, NEVER), { code: 'CniConfigInvalid', message: /supports cniVersion .*1\.0\.0/ });
});
