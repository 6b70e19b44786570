/** A thousand sandboxes on three nodes that want addresses of one pool at once, which has exactly a thousand. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { createIpamCni } from '../../activities/ipam/ipam-cni.ts';
import { CniOperations } from '../../adapters/cni-server/operations.ts';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { createPoolDeclarations } from '../../adapters/etcd/pool-declarations.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import { addressOwnersPrefix, poolAddressesPrefix } from '../../domain/keys.ts';
import { etcdForTests } from '../etcd/etcd-for-tests.ts';

const COUNT = 1_000;
const NODES = ['n1', 'n2', 'n3'];
const LIMIT_MS = 100_000;

const real = etcdForTests();
const clients: Etcd[] = [];
after(() => clients.forEach((client) => client.close()));

/** What a node worker answers podwire-ipam with. */
function node(name: string): CniOperations {
  const etcd = createEtcd({ endpoints: [real.endpoint], timeoutMs: 10_000 });
  clients.push(etcd);
  const pools = createAddressPools(etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });
  const declarations = createPoolDeclarations(etcd, ipNumbers);
  const podCni = createIpamCni({ node: name, pools, declarations, ip: ipCodec, probe: () => etcd.get('/') });
  return new CniOperations({ podCni, observer: { answered: () => undefined }, log: createLogger('test', 'silent') });
}

const ipam = {
  type: 'podwire-ipam',
  range: '10.0.0.0/22',
  range_start: '10.0.0.1',
  range_end: '10.0.3.232',
  restSeconds: 0,
};

it('all get one, none twice; half are made anew while the others stay; all go at once and leave nothing', async () => {
  const nodes = NODES.map(node);
  const ask = async (command: 'ADD' | 'DEL', index: number): Promise<string> => {
    const call = {
      ...{ containerId: `c${index}`, netns: `/run/netns/c${index}`, ifName: 'net1' },
      pod: { namespace: 'shop', name: `web-x${index}x`, uid: undefined },
      config: { cniVersion: '1.1.0', name: 'blue', type: 'macvlan', ipam },
    };
    const of = nodes[index % nodes.length] ?? assert.fail();
    const answered = await of.serve(
      command,
      () => ({ command, call, limitMs: LIMIT_MS }),
      new AbortController().signal,
    );
    if ('error' in answered) assert.fail(`${command} ${index}: ${answered.error.msg}`);
    return String((answered.result?.['ips'] as { address: string }[] | undefined)?.[0]?.address);
  };
  const all = Array.from({ length: COUNT }, (_, index) => index);
  const atOnce = (command: 'ADD' | 'DEL', indexes: readonly number[]) =>
    Promise.all(indexes.map((index) => ask(command, index)));
  const left = async (): Promise<[owners: number, addresses: number]> => [
    (await real.etcd.keys(addressOwnersPrefix())).length,
    (await real.etcd.keys(poolAddressesPrefix())).length,
  ];

  const first = await atOnce('ADD', all);
  assert.equal(new Set(first).size, COUNT);
  assert.deepEqual(await left(), [COUNT, COUNT]);

  const stay = all.filter((index) => index % 2 === 0);
  await atOnce(
    'DEL',
    all.filter((index) => index % 2 === 1),
  );
  const anew = stay.map((index) => index + COUNT);
  const stayed = first.filter((_, index) => index % 2 === 0);
  assert.equal(new Set([...stayed, ...(await atOnce('ADD', anew))]).size, COUNT);
  assert.deepEqual(await left(), [COUNT, COUNT]);

  await atOnce('DEL', [...stay, ...anew]);
  assert.deepEqual(await left(), [0, 0]);
});
