/** `podwire ipam …` over a real etcd, and whereabouts' objects as an API server tells them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { declaredPool } from '../../adapters/ipam/declared-pool.ts';
import { rootPrefix } from '../../domain/keys.ts';
import { startCommandThread } from '../unit/cli/command-thread.ts';
import { etcdForTests } from './etcd-for-tests.ts';

const named = (name: string, spec: object, namespace = 'kube-system') => ({
  metadata: { name, namespace, uid: `${namespace}/${name}`, resourceVersion: '1' },
  spec,
});
const allocation = (id: string, podref: string) => ({ id, podref, ifname: 'net1' });
const CLUSTER: Readonly<Record<string, readonly object[]>> = {
  '/apis/whereabouts.cni.cncf.io/v1alpha1/ippools': [
    named('10.1.0.0-24', {
      range: '10.1.0.0/24',
      allocations: { 5: allocation('c5', 'shop/a'), 6: allocation('c6', 'shop/gone') },
    }),
    named('fd01---64', { range: 'fd01::/64', allocations: { 5: allocation('c5', 'shop/a') } }),
  ],
  '/apis/whereabouts.cni.cncf.io/v1alpha1/overlappingrangeipreservations': [
    named('10.1.0.5', { containerid: 'c5', podref: 'shop/a', ifname: 'net1' }),
    named('10.1.0.7', { containerid: 'c7', podref: 'shop/b', ifname: 'net2' }),
  ],
  '/api/v1/pods': [named('a', { nodeName: 'n1' }, 'shop'), named('b', { nodeName: 'n2' }, 'shop')],
};

describe('podwire ipam', () => {
  const real = etcdForTests();
  const { podwire, end } = startCommandThread();
  const dir = mkdtempSync(join(tmpdir(), 'podwire-ipam-'));
  const kubeconfig = join(dir, 'config');
  const api: Server = createServer((request, response) => {
    const items = CLUSTER[new URL(request.url ?? '', 'http://api').pathname];
    const body = items === undefined ? {} : { metadata: { resourceVersion: '9' }, items };
    response
      .writeHead(items === undefined ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(body));
  });
  before(async () => {
    await new Promise<void>((listening) => void api.listen(0, '127.0.0.1', listening));
    const address = api.address();
    assert.ok(address !== null && typeof address === 'object');
    const cluster = { server: `http://127.0.0.1:${address.port}`, 'insecure-skip-tls-verify': true };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c', users: [{ name: 'u', user: {} }] },
      ...{ clusters: [{ name: 'c', cluster }], contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }] },
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
  });
  after(async () => {
    await end();
    api.close();
    rmSync(dir, { recursive: true });
  });
  const ipam = (args: readonly string[], input?: string) =>
    podwire(['ipam', ...args, '--etcd-endpoints', real.endpoint], input);
  const pools = () => createAddressPools(real.etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });

  it('declares a pool, shows what is used of it, and releases an address only when that is meant', async () => {
    const declared = await ipam(['declare', '-'], 'pool: blue\nrange: 10.0.0.0/29\norder: lowest\n');
    assert.deepEqual([declared.code, declared.stdout], [0, 'pool blue has 6 addresses to give\n']);
    const { pool } = declaredPool({ pool: 'blue', range: '10.0.0.0/29', order: 'lowest' }, ipNumbers);
    const owner = { kind: 'container', id: 'c1', interfaceName: 'net1', node: 'n1' } as const;
    await pools().allocate(pool, { ...owner, pod: { namespace: 'shop', name: 'a' } });
    const status = await ipam(['status']);
    assert.equal(
      status.stdout,
      'POOL  INTERFACES  IN USE  RESTING  KEPT  OF\nblue  1           1       0        0     6\n',
    );
    const shown = await ipam(['show', 'blue', '-o', 'json']);
    assert.match(shown.stdout, /"address": "10\.0\.0\.1",\n\s+"v": 1,\n\s+"state": "held"/);
    const dry = await ipam(['release', 'blue', '10.0.0.1', '--dry-run']);
    assert.equal(dry.stdout, 'would release 10.0.0.1 of pool blue (held, of shop/a net1 on node n1)\n');
    assert.equal((await pools().held(owner)).length, 1);
    assert.equal((await ipam(['release', 'blue', '10.0.0.1'])).code, 0);
    assert.equal((await pools().held(owner)).length, 0);
    // What rests is free at once when it is released once more.
    assert.equal((await ipam(['release', 'blue', '10.0.0.1'])).code, 0);
    const free = await ipam(['release', 'blue', '10.0.0.1']);
    assert.deepEqual([free.code, free.stderr], [1, 'podwire: address 10.0.0.1 of pool blue is free\n']);
  });

  it('says by status which records contradict each other', async () => {
    const stray = { v: 1, state: 'held', owner: { kind: 'pod', id: 'u', interfaceName: 'x', node: 'n1' }, at: 1 };
    const key = '/podwire/ipam/addresses/odd/10.4.0.1';
    await real.etcd.transact([], [{ put: key, value: JSON.stringify(stray) }]);
    const { code, stderr } = await ipam(['status']);
    assert.deepEqual([code, stderr], [1, 'podwire: pool odd: the records of 10.4.0.1 and of its owner differ\n']);
    // Nobody has it, so that it is free when it is released.
    assert.equal((await ipam(['release', 'odd', '10.4.0.1'])).code, 0);
    assert.equal(await real.etcd.get(key), undefined);
  });

  it('takes whereabouts’ addresses over as they are, first to look at, and twice as once', async () => {
    const take = (...more: string[]) => ipam(['import', 'whereabouts', '--kubeconfig', kubeconfig, ...more]);
    const before = await real.etcd.keys(rootPrefix());
    const dry = await take('--dry-run');
    assert.deepEqual(dry.stdout.split('\n'), [
      'would take over shop/a net1: 10.1.0.5/24, fd01::5/64 of pool default',
      'would take over shop/b net2: 10.1.0.7/24 of pool default',
      "2 interfaces to be taken over, 0 were podwire's already, 0 in conflict",
      '',
    ]);
    assert.match(dry.stderr, /10\.1\.0\.6\/24 of pool default is left out: its pod shop\/gone is not there/);
    assert.deepEqual(await real.etcd.keys(rootPrefix()), before);
    assert.match((await take()).stdout, /^took over shop\/a net1/);
    const again = await take();
    assert.deepEqual(
      [again.code, again.stdout],
      [0, "0 interfaces taken over, 2 were podwire's already, 0 in conflict\n"],
    );
    const [record] = await pools().held({ kind: 'container', id: 'c5', interfaceName: 'net1', node: 'n1' });
    assert.deepEqual(record?.addresses, [{ address: '10.1.0.5/24' }, { address: 'fd01::5/64' }]);
    const wanted = { addresses: ['10.1.0.7'] };
    const { pool } = declaredPool({ range: '10.1.0.0/24' }, ipNumbers);
    const other = { kind: 'container', id: 'c9', interfaceName: 'net1', node: 'n1' } as const;
    await assert.rejects(pools().allocate(pool, other, wanted), { code: 'AddressTaken' });
  });
});
