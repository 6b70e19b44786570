/** Links that have addresses from their network's pool: the real kernel and a real etcd. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createNodeSteps, type NodeSteps } from '../../activities/network/index.ts';
import { createLinkAddresses } from '../../activities/network/vxlan/link-addresses.ts';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { poolNameOf } from '../../domain/network-objects/network-pool.ts';
import { addressKey, addressOwnersPrefix, rootPrefix } from '../../domain/keys.ts';
import type { LinkResult, Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import { driftOf } from '../../domain/sweep/drift.ts';
import type { LinkPool, VxlanLinkSpec } from '../../domain/vxlan/vxlan.ts';
import { etcdForTests } from '../etcd/etcd-for-tests.ts';
import { createNode, NETWORK, NEVER, type NodeUnderTest, type Pod } from './node-under-test.ts';

const NAME = poolNameOf({ kind: 'cluster-network', namespace: '', name: 'green' });
const SUBNET = { cidr: '10.9.0.0/29', gateway: '10.9.0.1', routes: ['10.8.0.0/16'], exclude: ['10.9.0.4/30'] };
/** Two addresses of IPv4: .2 and .3. */
const POOL: LinkPool = {
  ...{ name: NAME, order: 'lowest', restSeconds: 0, sticky: false, wanted: [] },
  subnets: [SUBNET, { cidr: 'fd00:9::/64', routes: [], exclude: [] }],
};
const IPV4: LinkPool = { ...POOL, subnets: [SUBNET] };
const OPEN: Partial<VxlanLinkSpec> = { addresses: [], routes: [], pool: POOL };

describe('a link of a network with a pool', () => {
  const real = etcdForTests();
  let node: NodeUnderTest;
  let steps: NodeSteps;
  let isWhole = true;
  before(() => {
    node = createNode();
    const pools = createAddressPools(real.etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });
    const addresses = createLinkAddresses({ pools, ip: ipNumbers, isWhole: async () => isWhole });
    steps = createNodeSteps({ ...node.deps, addresses });
  });
  after(() => node.close());
  const forget = async (): Promise<void> => {
    for (const key of await real.etcd.keys(`${rootPrefix()}ipam/`)) await real.etcd.transact([], [{ remove: key }]);
  };
  beforeEach(async () => {
    isWhole = true;
    await forget();
  });

  const inputOf = ({ value, modRevision }: Stored<VxlanAttachmentRecord>) => ({ ...value, modRevision });
  const attach = async (pod: Pod, link: Partial<VxlanLinkSpec>, generation = 1, result?: LinkResult) => {
    const change = { generation, ...(result === undefined ? {} : { result }) };
    return steps.ensureVxlanLink(inputOf(await pod.intend({ ...OPEN, ...link }, change)), NEVER);
  };
  const detach = async (pod: Pod, result: LinkResult, link: Partial<VxlanLinkSpec> = {}) =>
    steps.deleteVxlanLink(
      inputOf(await pod.intend({ ...OPEN, ...link }, { generation: 9, phase: 'removing', result })),
      NEVER,
    );
  const owners = async (): Promise<number> => (await real.etcd.keys(addressOwnersPrefix())).length;
  const globalOf = async (pod: Pod): Promise<string[]> =>
    ((await pod.link())?.addresses ?? []).filter(({ linkLocal }) => !linkLocal).map(({ cidr }) => cidr);

  it('has an address of each family with its routes, however often it is made, until it goes', async () => {
    const pod = await node.pod();
    const result = await attach(pod, {});
    assert.deepEqual(result.addresses, ['10.9.0.2/29', 'fd00:9::1/64']);
    assert.deepEqual(await globalOf(pod), result.addresses);
    const routes = (await pod.view()).routes.map(({ destination, gateway }) => [destination, gateway]);
    assert.deepEqual(routes, [['10.8.0.0/16', '10.9.0.1']]);
    assert.deepEqual((await attach(pod, {}, 2, result)).addresses, result.addresses);
    assert.equal(await owners(), 1);
    await detach(pod, result);
    assert.equal(await owners(), 0);
  });

  it('is told of when an address or a route of the pool is missing, and gets them again', async () => {
    const pod = await node.pod();
    const result = await attach(pod, {});
    await pod.netns.exec(['/usr/sbin/ip', 'address', 'del', '10.9.0.2/29', 'dev', 'green']);
    const { value } = await pod.intend(OPEN, { phase: 'attached', result });
    assert.deepEqual(driftOf(value, await pod.view()), [
      'address 10.9.0.2/29 is missing',
      'route 10.8.0.0/16 is missing',
    ]);
    await attach(pod, {}, 2, result);
    assert.deepEqual(driftOf(value, await pod.view()), []);
    await detach(pod, result);
  });

  it('has the address that its pod asks for, which nobody else is given', async () => {
    const [chooser, other] = [await node.pod(), await node.pod()];
    const asked = { addresses: ['10.9.0.2/29'], pool: { ...IPV4, wanted: ['10.9.0.2'] } };
    const result = await attach(chooser, asked);
    assert.deepEqual(result.addresses, ['10.9.0.2/29']);
    const others = await attach(other, { pool: IPV4 });
    assert.deepEqual(others.addresses, ['10.9.0.3/29']);
    await assert.rejects(attach(other, asked, 2, others), {
      code: 'AddressHeld',
      message: /10\.9\.0\.2 .* belongs to/,
    });
    await detach(chooser, result, asked);
    assert.deepEqual((await attach(other, asked, 3, others)).addresses, ['10.9.0.2/29']);
    await detach(other, others, asked);
    assert.equal(await owners(), 0);
  });

  it('keeps what it has while it waits for the address that its pod asks for, and takes nothing that is reserved without the pool', async () => {
    const [chooser, other, third] = [await node.pod(), await node.pod(), await node.pod()];
    const asked = { addresses: ['10.9.0.2/29'], pool: { ...IPV4, wanted: ['10.9.0.2'] } };
    const first = await attach(chooser, asked);
    const second = await attach(other, { pool: IPV4 });
    await assert.rejects(attach(other, asked, 2, second), { code: 'AddressHeld' });
    await assert.rejects(attach(third, { pool: IPV4 }), { code: 'PoolExhausted' });
    assert.deepEqual(await globalOf(other), second.addresses);
    await detach(other, second, asked);
    await real.etcd.transact([], [{ put: addressKey(NETWORK, '10.9.0.3'), value: 'somebody/net1 default/b' }]);
    await assert.rejects(attach(third, { pool: IPV4 }), { code: 'PoolExhausted' });
    await real.etcd.transact([], [{ remove: addressKey(NETWORK, '10.9.0.3') }]);
    assert.deepEqual((await attach(third, { pool: IPV4 })).addresses, ['10.9.0.3/29']);
    await detach(chooser, first, asked);
  });

  it('keeps its address when its network has a subnet of another family, or other settings of its pool', async () => {
    const pod = await node.pod();
    const first = await attach(pod, { pool: IPV4 });
    const second = await attach(pod, {}, 2, first);
    assert.deepEqual(second.addresses, [...first.addresses, 'fd00:9::1/64']);
    const third = await attach(pod, { pool: { ...POOL, restSeconds: 30 } }, 3, second);
    assert.deepEqual(third.addresses, second.addresses);
    const [entry] = (await real.etcd.list(addressOwnersPrefix())).entries;
    assert.equal((JSON.parse(entry?.value ?? '{}') as { restMs?: number }).restMs, 30_000);
    await detach(pod, third);
  });

  it('leaves no address behind when an attach with a pool was given up before its result was recorded', async () => {
    const pod = await node.pod();
    await attach(pod, {});
    const network = { scope: 'cluster.network', name: 'green' };
    const link = { addresses: ['10.9.0.7/29'], routes: [] };
    await steps.ensureVxlanLink(inputOf(await pod.intend(link, { generation: 2, network })), NEVER);
    assert.equal(await owners(), 0);
  });

  it('has the MAC address that its pod asks for, also later', async () => {
    const pod = await node.pod();
    const first = await attach(pod, { pool: IPV4, mac: '02:00:00:00:09:01' });
    assert.deepEqual([first.mac, (await pod.link())?.mac], ['02:00:00:00:09:01', '02:00:00:00:09:01']);
    const second = await attach(pod, { pool: IPV4, mac: '02:00:00:00:09:02' }, 2, first);
    assert.deepEqual([second.mac, second.ifindex], ['02:00:00:00:09:02', first.ifindex]);
    // Nobody asks for one any more, and nobody else is given it.
    const kept = await pod.intend({ ...OPEN, pool: IPV4 }, { generation: 3, result: second, keptMac: second.mac });
    assert.equal((await steps.ensureVxlanLink(inputOf(kept), NEVER)).mac, second.mac);
    await detach(pod, second);
  });

  it('waits while the pool is exhausted, and is made when an address is free', async () => {
    const [one, two, three] = [await node.pod(), await node.pod(), await node.pod()];
    const first = await attach(one, { pool: IPV4 });
    const second = await attach(two, { pool: IPV4 });
    await assert.rejects(attach(three, { pool: IPV4 }), {
      code: 'PoolExhausted',
      message: /no address of pool ClusterNetwork:green is free; 10\.9\.0\.0\/29: of 2 there are 2 in use/,
    });
    assert.equal(await three.link(), undefined);
    await detach(one, first);
    const third = await attach(three, { pool: IPV4 });
    assert.deepEqual(third.addresses, first.addresses);
    await detach(two, second);
    await detach(three, third);
  });

  it('gives its addresses back when its network has a pool no longer, or another one', async () => {
    const pod = await node.pod();
    const result = await attach(pod, {});
    const elsewhere = await attach(pod, { pool: { ...IPV4, name: 'Network:red:green' } }, 2, result);
    assert.deepEqual(elsewhere.addresses, ['10.9.0.2/29']);
    assert.equal(await owners(), 1);
    const without = steps.ensureVxlanLink(
      inputOf(await pod.intend({ addresses: ['10.9.0.7/29'], routes: [] }, { generation: 3, result: elsewhere })),
      NEVER,
    );
    assert.deepEqual((await without).addresses, ['10.9.0.7/29']);
    assert.equal(await owners(), 0);
  });

  it('keeps its address when etcd has lost it, and others wait until all is known again', async () => {
    const [pod, other] = [await node.pod(), await node.pod()];
    await attach(other, { pool: IPV4 });
    const result = await attach(pod, { pool: IPV4 });
    assert.deepEqual(result.addresses, ['10.9.0.3/29']);
    await forget();
    isWhole = false;
    const third = await node.pod();
    await assert.rejects(attach(third, { pool: IPV4 }), { code: 'StoreRebuilding' });
    // The record was lost as well, and is made anew without a result.
    assert.deepEqual((await attach(pod, { pool: IPV4 }, 2)).addresses, result.addresses);
    isWhole = true;
    const late = await attach(third, { pool: IPV4 });
    assert.deepEqual(late.addresses, ['10.9.0.2/29']);
    // The one that comes last must not have an address that is somebody's by now.
    await detach(pod, result);
    assert.deepEqual((await attach(other, { pool: IPV4 }, 2)).addresses, ['10.9.0.3/29']);
  });
});
