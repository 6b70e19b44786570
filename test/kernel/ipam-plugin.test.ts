/** podwire-ipam as the IPAM plugin of the reference plugins, with a real kernel and a real etcd. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createIpamCni } from '../../activities/ipam/ipam-cni.ts';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import { createPoolDeclarations } from '../../adapters/etcd/pool-declarations.ts';
import { startCniServer, type CniServer } from '../../adapters/cni-server/server.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import { poolAddressesPrefix } from '../../domain/keys.ts';
import type { CniCall } from '../../domain/ports/cni-plugins.ts';
import { executable, start, type Said } from '../cni-server/executable.ts';
import { IDLE } from '../cni-server/served.ts';
import { etcdForTests } from '../etcd/etcd-for-tests.ts';
import { createCniBench, linkIn, NEVER, type CniBench } from './cni-bench.ts';

describe('podwire-ipam', () => {
  const real = etcdForTests();
  let bench: CniBench;
  let server: CniServer;
  let socket = '';
  before(async () => {
    bench = await createCniBench();
    copyFileSync(await executable(), join(bench.binDir, 'podwire-ipam'));
    socket = join(bench.dir, 'cni.sock');
    const pools = createAddressPools(real.etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });
    const ipam = createIpamCni({
      ...{ node: 'n1', pools, ip: ipCodec, declarations: createPoolDeclarations(real.etcd, ipNumbers) },
      probe: () => real.etcd.get('/'),
    });
    const observer = { answered: () => undefined };
    server = await startCniServer({ ...{ socket, ipam, podCni: IDLE, observer }, log: createLogger('test', 'silent') });
  });
  after(async () => {
    await server.stop();
    await bench.close();
  });

  const ipam = (more: object): object => ({ type: 'podwire-ipam', socket, logFile: '', ...more });
  const states = async (pool: string): Promise<[string, string][]> =>
    (await real.etcd.list(poolAddressesPrefix(pool))).entries.map(({ key, value }) => [
      key.slice(poolAddressesPrefix(pool).length),
      (JSON.parse(value) as { state: string }).state,
    ]);

  for (const plugin of [{ type: 'bridge', bridge: 'br-test' }, { type: 'ptp' }])
    it(`gives ${plugin.type} one address of each family, in CHECK the same, and takes them back`, async () => {
      const { type } = plugin;
      const ranges = {
        range: '10.9.0.16/28',
        gateway: '10.9.0.17',
        ipRanges: [{ range: 'fd09::/64', gateway: 'fd09::1' }],
      };
      const config = { ...plugin, ipam: ipam({ pool: type, ...ranges, routes: [{ dst: '10.200.0.0/16' }] }) };
      const call: CniCall = bench.call({ cniVersion: '1.0.0', name: `of-${type}`, plugins: [config] });
      const result = await bench.plugins.add(call, NEVER);
      const link = await linkIn(bench.pod, 'net1');
      const [v4 = '', v6 = ''] = link?.addresses ?? [];
      assert.match(v4, /^10\.9\.0\.(1[89]|2\d|30)\//);
      assert.match(v6, /^fd09::/);
      assert.match(await bench.pod.exec(['/usr/sbin/ip', 'route', 'show', '10.200.0.0/16']), /dev net1/);
      assert.deepEqual(await bench.plugins.check(call, result.text, NEVER), { kind: 'ok' });
      assert.deepEqual(
        (await states(type)).map(([, state]) => state),
        ['held', 'held'],
      );
      await bench.plugins.del(call, result.text, NEVER);
      await bench.plugins.del(call, result.text, NEVER);
      assert.deepEqual(
        (await states(type)).map(([, state]) => state),
        ['resting', 'resting'],
      );
      assert.equal(await linkIn(bench.pod, 'net1'), undefined);
    });

  /** Without a plugin around it, as a runtime's delegating plugin starts it. */
  const asked = async (command: string, container: string, ofIpam: object, more: object = {}): Promise<Said> => {
    const config = { cniVersion: '1.1.0', name: 'direct', type: 'macvlan', ipam: ipam(ofIpam), ...more };
    const env = { CNI_COMMAND: command, CNI_CONTAINERID: container, CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'net1' };
    return start(join(bench.binDir, 'podwire-ipam'), env, JSON.stringify(config)).ended;
  };
  const codeOf = ({ stdout }: Said): unknown =>
    stdout === '' ? 0 : ((JSON.parse(stdout) as { code?: number }).code ?? 0);
  const addressOf = ({ stdout }: Said): string =>
    (JSON.parse(stdout) as { ips: { address: string }[] }).ips[0]?.address ?? '';

  it('gives a container the same address again, refuses CHECK of another one, and tells of an exhausted pool', async () => {
    const small = { pool: 'small', range: '10.8.0.0/30', restSeconds: 0 };
    const first = addressOf(await asked('ADD', 'a', small));
    assert.equal(addressOf(await asked('ADD', 'a', small)), first);
    assert.equal(codeOf(await asked('CHECK', 'a', small)), 0);
    assert.equal(codeOf(await asked('CHECK', 'b', small)), 100);
    const other = { prevResult: { cniVersion: '1.1.0', ips: [{ address: '10.8.0.9/30' }] } };
    assert.equal(codeOf(await asked('CHECK', 'a', small, other)), 100);
    await asked('ADD', 'b', small);
    const exhausted = await asked('ADD', 'c', small);
    assert.equal(codeOf(exhausted), 11);
    assert.match(
      exhausted.stdout,
      /PoolExhausted: no address of pool small is free; 10\.8\.0\.0\/30: of 2 there are 2 in use/,
    );
    // A changed configuration takes back what another one gave.
    assert.equal(codeOf(await asked('DEL', 'a', { pool: 'small' })), 0);
    assert.equal(addressOf(await asked('ADD', 'c', small)), first);
  });

  it('takes back what GC does not name, of its own network only, and says by STATUS whether it can serve', async () => {
    const pool = { pool: 'collected', range: '10.7.0.0/24', restSeconds: 0 };
    for (const container of ['a', 'b']) await asked('ADD', container, pool);
    await asked('ADD', 'c', pool, { name: 'another' });
    const valid = { 'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'net1' }] };
    assert.equal(codeOf(await asked('GC', '', pool, valid)), 0);
    assert.equal((await states('collected')).length, 2);
    assert.equal(codeOf(await asked('STATUS', '', pool)), 0);
    const unknown = await asked('STATUS', '', { pool: 'nobody-declared-it' });
    assert.match(unknown.stdout, /pool is nobody-declared-it, which nobody has declared/);
  });

  it('gives addresses of a pool that was declared by its name, and the one that a runtime asks for', async () => {
    await createPoolDeclarations(real.etcd, ipNumbers).declare({ pool: 'named', range: '10.6.0.0/24' });
    const asks = { runtimeConfig: { ips: ['10.6.0.66/24'] } };
    assert.equal(addressOf(await asked('ADD', 'a', { pool: 'named' }, asks)), '10.6.0.66/24');
    const taken = await asked('ADD', 'b', { pool: 'named' }, asks);
    assert.match(taken.stdout, /AddressTaken: address 10\.6\.0\.66 of pool named belongs to container a net1/);
    assert.equal(codeOf(await asked('ADD', 'b', { pool: 'named' }, { runtimeConfig: { ips: ['10.5.0.1'] } })), 7);
  });
});
