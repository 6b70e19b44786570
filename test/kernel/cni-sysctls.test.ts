/** What the plugin tuning sets of a pod's sysctls is as before once its network is away; with the real plugin. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { createNodeSteps } from '../../activities/network/index.ts';
import type { DeleteLinkResult } from '../../activities/network/network-contract.ts';
import type { CniAttachmentRecord, LinkResult } from '../../domain/records.ts';
import { NEVER } from './cni-bench.ts';
import { cniNodeForTests } from './cni-node.ts';
import { NODE, type Pod } from './node-under-test.ts';

const ARP_FILTER = 'net.ipv4.conf.all.arp_filter';

const undoFailed: string[] = [];
const bed = cniNodeForTests({
  deps: () => ({ onUndoFailed: (_record, failure) => void undoFailed.push(String(failure)) }),
});
let pod: Pod;
beforeEach(async () => {
  pod = await bed.node.pod();
  undoFailed.length = 0;
});

const SAME = {
  dialect: 'npwg',
  cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
};

type Sysctls = Readonly<Record<string, string>>;

const chain = (sysctl: Sysctls, ...more: object[]): object => ({
  cniVersion: '1.0.0',
  name: 'tuned',
  plugins: [
    { type: 'bridge', bridge: `br${randomBytes(3).toString('hex')}` },
    { type: 'tuning', sysctl, dataDir: join(bed.bench.dataDir, 'tuning') },
    ...more,
  ],
});

const configs = new Map<string, string>();
let generation = 0;

async function inputOf(interfaceName: string, config: object | undefined, change: Partial<CniAttachmentRecord>) {
  const configText = config === undefined ? (configs.get(interfaceName) ?? '') : JSON.stringify(config);
  configs.set(interfaceName, configText);
  generation += 1;
  const { value, modRevision } = bed.node.store.put<CniAttachmentRecord>({
    ...{ v: 1, podUid: pod.uid, namespace: 'default', name: 'a', node: NODE, sandboxId: pod.sandboxId },
    ...{ bootId: 'boot-1', netns: await pod.netns.identity() },
    owner: { workflowId: `pod/default/a/${pod.uid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'tuned' }, interfaceName },
    cni: { kind: 'cni', interfaceName, capabilityArgs: {}, args: [], defaultRoute: [] },
    ...{ configText, definitionUid: 'd', generation, phase: 'intent' },
    ...change,
  });
  const { podUid, sandboxId } = value;
  return { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision };
}

const attach = async (interfaceName: string, config: object, change = {}): Promise<LinkResult> =>
  bed.steps.cniAdd(await inputOf(interfaceName, config, change), NEVER);

const detach = async (interfaceName: string, result?: LinkResult): Promise<DeleteLinkResult> =>
  bed.steps.cniDelete(
    await inputOf(interfaceName, undefined, { phase: 'removing', ...(result === undefined ? {} : { result }) }),
    NEVER,
  );

const read = async (name: string): Promise<string> =>
  (await pod.netns.exec(['/usr/sbin/sysctl', '-n', name])).trim().replaceAll(/\s+/g, ' ');

const set = (name: string, value: string): Promise<string> =>
  pod.netns.exec(['/usr/sbin/sysctl', '-q', '-w', `${name}=${value}`]);

describe('sysctls that tuning sets', () => {
  it("are as before after the detach, and the host's are never touched", async () => {
    const own = readFileSync('/proc/sys/net/core/somaxconn', 'utf8');
    const somaxconn = await read('net.core.somaxconn');
    const range = await read('net.ipv4.ip_local_port_range');
    await attach(
      'net1',
      chain({
        ...{ [ARP_FILTER]: '1', 'net.core.somaxconn': '777', 'net.ipv4.ip_local_port_range': '20000 21000' },
        'net/ipv4/conf/IFNAME/arp_announce': '2',
      }),
    );
    assert.deepEqual(await Promise.all([ARP_FILTER, 'net.core.somaxconn', 'net.ipv4.ip_local_port_range'].map(read)), [
      '1',
      '777',
      '20000 21000',
    ]);
    assert.deepEqual(await detach('net1'), { outcome: 'removed' });
    assert.deepEqual(await Promise.all([ARP_FILTER, 'net.core.somaxconn', 'net.ipv4.ip_local_port_range'].map(read)), [
      '0',
      somaxconn,
      range,
    ]);
    assert.equal(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'), own);
  });

  it('stay where somebody set them since, and the pod is told', async () => {
    await attach('net1', chain({ 'net.core.somaxconn': '777', [ARP_FILTER]: '1' }));
    await set('net.core.somaxconn', '999');
    const { outcome, warning } = await detach('net1');
    assert.equal(outcome, 'removed');
    assert.equal(warning?.code, 'SysctlStays');
    assert.match(warning.message, /sysctl net\/core\/somaxconn stays 999: .*somebody else/);
    assert.doesNotMatch(warning.message, /arp_filter/);
    assert.deepEqual([await read('net.core.somaxconn'), await read(ARP_FILTER)], ['999', '0']);
  });

  for (const [first, second] of [
    ['net1', 'net2'],
    ['net2', 'net1'],
  ] as const) {
    it(`of two networks keep the other's value while it is attached: ${first} goes first`, async () => {
      const before = await read('net.core.somaxconn');
      const given = { net1: '777', net2: '888' };
      await attach('net1', chain({ 'net.core.somaxconn': given.net1, [ARP_FILTER]: '1' }));
      await attach('net2', chain({ 'net.core.somaxconn': given.net2, [ARP_FILTER]: '1' }));
      assert.equal(await read('net.core.somaxconn'), '888');
      assert.deepEqual(await detach(first), { outcome: 'removed' });
      assert.deepEqual([await read('net.core.somaxconn'), await read(ARP_FILTER)], [given[second], '1']);
      assert.deepEqual(await detach(second), { outcome: 'removed' });
      assert.deepEqual([await read('net.core.somaxconn'), await read(ARP_FILTER)], [before, '0']);
    });
  }

  it('are as before when the ADD fails behind tuning', async () => {
    bed.fake.control({ ADD: { code: 999, msg: 'no' } });
    await assert.rejects(attach('net1', chain({ [ARP_FILTER]: '1' }, { type: 'fake' })), /code 999/);
    assert.equal(await read(ARP_FILTER), '0');
    assert.deepEqual(undoFailed, []);
  });

  it('are as before also when a worker was killed behind the plugins, and the next one attaches anew', async () => {
    const killed = { ...bed.deps, failpoints: { hit: failAt('cniAdd:after-plugins') } };
    const input = await inputOf('net1', chain({ [ARP_FILTER]: '1' }), {});
    await assert.rejects(createNodeSteps(killed).cniAdd(input, NEVER), /killed/);
    assert.equal(await read(ARP_FILTER), '1');
    await bed.steps.cniAdd(input, NEVER);
    assert.equal(await read(ARP_FILTER), '1');
    await detach('net1');
    assert.equal(await read(ARP_FILTER), '0');
  });

  it('are as before also when DEL has to be done twice', async () => {
    await attach('net1', chain({ [ARP_FILTER]: '1' }));
    const killed = { ...bed.deps, failpoints: { hit: failAt('cniDelete:after-plugins') } };
    const input = await inputOf('net1', undefined, { phase: 'removing' });
    await assert.rejects(createNodeSteps(killed).cniDelete(input, NEVER), /killed/);
    assert.deepEqual(await bed.steps.cniDelete(input, NEVER), { outcome: 'removed' });
    assert.equal(await read(ARP_FILTER), '0');
  });

  it('are told to stay where an ADD before this podwire did not record them, and DEL is done', async () => {
    await attach('net1', chain({ [ARP_FILTER]: '1' }));
    const journal = join(bed.bench.dir, 'journal');
    const file = join(journal, readdirSync(journal).find((name) => name.startsWith(pod.sandboxId)) ?? '');
    const { sysctls, ...earlier } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    assert.ok(sysctls !== undefined);
    writeFileSync(file, JSON.stringify(earlier));
    const { outcome, warning } = await detach('net1');
    assert.equal(outcome, 'removed');
    assert.match(warning?.message ?? '', /arp_filter stays 1: what it was before is not recorded/);
  });

  it('are told to stay where the journal was lost, and DEL is done', async () => {
    const result = await attach('net1', chain({ [ARP_FILTER]: '1' }));
    for (const name of readdirSync(join(bed.bench.dir, 'journal'))) rmSync(join(bed.bench.dir, 'journal', name));
    const { outcome, warning } = await detach('net1', result);
    assert.equal(outcome, 'removed');
    assert.match(warning?.message ?? '', /arp_filter stays 1/);
  });

  it('go back when an edit takes tuning out of the network, and what stays is told with the new interface', async () => {
    const first = chain({ [ARP_FILTER]: '1', 'net.core.somaxconn': '777' });
    const result = await attach('net1', first);
    await set('net.core.somaxconn', '999');
    const madeWith = {
      configText: configs.get('net1'),
      network: { scope: 'default', name: 'tuned' },
      definitionUid: 'd',
    };
    const { warning } = await attach('net1', chain({}), { result, madeWith: { ...madeWith, ...SAME } });
    assert.match(warning?.message ?? '', /somaxconn stays 999/);
    assert.equal(await read(ARP_FILTER), '0');
    assert.deepEqual(await detach('net1'), { outcome: 'removed' });
  });

  it('of a name that leads elsewhere keep the network from being attached, before a plugin runs', async () => {
    for (const name of ['net/../kernel/hostname', 'kernel.hostname', 'net.ipv4.conf..all']) {
      await assert.rejects(attach('net1', chain({ [name]: '1' })), (error: Error & { code: string }) => {
        assert.equal(error.code, 'CniConfigInvalid');
        assert.ok(error.message.includes(name), error.message);
        return true;
      });
    }
    assert.equal(
      (await pod.view()).links.some(({ name }) => name === 'net1'),
      false,
    );
  });
});

const failAt =
  (point: string) =>
  async (name: string): Promise<void> => {
    if (name === point) throw new Error(`killed at ${name}`);
  };
