/**
 * Interfaces that a program in the pod took over, as KubeVirt's bridge binding does: the NIC gets another name and MAC and goes into a bridge,
 * and another link stands in for it under its name. With the reference plugins, whose DEL goes by the name.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { restoreJournal } from '../../activities/network/cni/restore-journal.ts';
import { sweepAct } from '../../activities/network/sweep/sweep-act.ts';
import { sweepLook, type SweepDeps } from '../../activities/network/sweep/sweep-look.ts';
import { SweepMemory } from '../../activities/network/sweep/sweep-memory.ts';
import type { PodwireError } from '../../domain/failures.ts';
import type { LinkView } from '../../domain/vxlan/link-observation.ts';
import type { CniAttachmentRecord, LinkResult, Stored } from '../../domain/records.ts';
import { hostLocal, NEVER } from './cni-bench.ts';
import { cniNodeForTests } from './cni-node.ts';
import { createTestNetns } from './namespace.ts';
import { NODE, type Pod } from './node-under-test.ts';

const IP = '/usr/sbin/ip';
/** As KubeVirt calls it. */
const NIC = '16477688c0e-nic';
const ITS_MAC = '02:aa:aa:aa:aa:aa';

const bed = cniNodeForTests({ onHost: true });
let pod: Pod;
beforeEach(async () => {
  pod = await bed.node.pod();
});

const onHost = (lines: readonly string[]): Promise<string> =>
  bed.bench.host.exec([IP, '-batch', '-'], { input: `${lines.join('\n')}\n` });
const inPod = (lines: readonly string[]): Promise<string> =>
  pod.netns.exec([IP, '-batch', '-'], { input: `${lines.join('\n')}\n` });
const hostVeths = async (): Promise<string[]> =>
  (await bed.bench.links(bed.bench.host)).filter((name) => name.startsWith('veth'));

interface Plugin {
  readonly type: string;
  readonly [field: string]: unknown;
}

const bridge = (more: object = {}): Plugin => ({
  ...{ type: 'bridge', bridge: 'br-test', isGateway: true, ipam: hostLocal(bed.bench) },
  ...more,
});

async function record(plugin: Plugin, change: Partial<CniAttachmentRecord> = {}): Promise<Stored<CniAttachmentRecord>> {
  return bed.node.store.put<CniAttachmentRecord>({
    ...{ v: 1, podUid: pod.uid, namespace: 'default', name: 'a', node: NODE, sandboxId: pod.sandboxId },
    ...{ bootId: 'boot-1', netns: await pod.netns.identity() },
    owner: { workflowId: `pod/default/a/${pod.uid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'test' }, interfaceName: 'net1' },
    cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
    configText: JSON.stringify({ cniVersion: '1.0.0', name: 'test', plugins: [plugin] }),
    ...{ definitionUid: 'd', generation: 1, phase: 'intent' },
    ...change,
  });
}

const inputOf = ({ value, modRevision }: Stored<CniAttachmentRecord>) => {
  const { podUid, sandboxId, interfaceName, generation } = value;
  return { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision };
};

interface Attached {
  readonly plugin: Plugin;
  readonly stored: Stored<CniAttachmentRecord>;
  readonly result: LinkResult;
}

async function attach(plugin: Plugin): Promise<Attached> {
  const result = await bed.steps.cniAdd(inputOf(await record(plugin)), NEVER);
  return { plugin, result, stored: await record(plugin, { phase: 'attached', result }) };
}

async function detach({ plugin, result }: Attached) {
  return bed.steps.cniDelete(inputOf(await record(plugin, { phase: 'removing', generation: 2, result })), NEVER);
}

/** What KubeVirt does; the stand-in is a bridge, since not every kernel has dummies. */
async function takeOver({ mac }: LinkResult, state: 'up' | 'down' = 'down'): Promise<LinkView> {
  await inPod([
    'link set dev net1 down',
    'address flush dev net1',
    `link set dev net1 name ${NIC}`,
    `link set dev ${NIC} address ${ITS_MAC}`,
    'link add k6t-net1 type bridge',
    `link set dev ${NIC} master k6t-net1`,
    `link set dev ${NIC} up`,
    'link set dev k6t-net1 up',
    `link add net1 address ${mac} type bridge`,
    'address add 10.9.0.200/24 dev net1',
    `link set dev net1 ${state}`,
  ]);
  return standIn();
}

async function standIn(): Promise<LinkView> {
  const link = await pod.link('net1');
  assert.ok(link?.kind === 'bridge', 'the stand-in is not there');
  return link;
}

/** Its own `net1` stays, and nothing has the index of the attachment's link. */
async function onlyStandInLeft(before: LinkView, { result: { ifindex } }: Attached): Promise<void> {
  const { links } = await pod.view();
  assert.deepEqual(await standIn(), before);
  assert.ok(links.every((link) => link.ifindex !== ifindex && link.name !== NIC));
  assert.deepEqual(links.map(({ name }) => name).sort(), ['eth0', 'far0', 'k6t-net1', 'lo', 'net1']);
}

async function asTakenOver({ result }: Attached, before: LinkView): Promise<void> {
  const nic = await pod.link(NIC);
  assert.deepEqual([nic?.ifindex, nic?.mac, nic?.up], [result.ifindex, ITS_MAC, true]);
  assert.deepEqual(
    nic?.addresses.filter(({ linkLocal }) => !linkLocal),
    [],
  );
  assert.deepEqual(await standIn(), before);
}

function sweepDeps(): SweepDeps {
  const { uid: podUid, sandboxId } = pod;
  const value = [...bed.node.store.attachments.values()].find((each) => each.value.sandboxId === sandboxId)?.value;
  if (value !== undefined) {
    const { namespace, name, bootId, netns } = value;
    bed.node.store.sandboxes.clear();
    bed.node.store.sandboxes.set(podUid, { v: 1, podUid, namespace, name, sandboxId, bootId, netns });
  }
  return {
    ...bed.deps,
    memory: new SweepMemory(),
    observer: { looked: () => undefined, acted: () => undefined },
    leftovers: {
      reservations: async () => [],
      cacheFiles: async () => [],
      removeReservation: async () => false,
      removeCacheFile: async () => false,
    },
    gc: { due: () => false, run: async () => [] },
  };
}

async function sweep(): Promise<string[]> {
  const sweeping = sweepDeps();
  const { findings } = await sweepLook(sweeping, { node: NODE }, NEVER);
  const mine = findings.filter(({ id }) => id.includes(pod.sandboxId));
  const { rows } = await sweepAct(sweeping, { node: NODE, ids: mine.map(({ id }) => id) }, NEVER);
  return rows.map(({ finding: { kind, why }, outcome, note = '' }) => [kind, why, outcome, note].join(' ').trim());
}

describe('an interface that a program in the pod took over', () => {
  for (const state of ['down', 'up'] as const) {
    it(`of bridge goes with its port, its address and its rules, and the stand-in that is ${state} stays`, async () => {
      const attached = await attach(bridge({ ipMasq: true }));
      const before = await takeOver(attached.result, state);
      assert.deepEqual(await detach(attached), { outcome: 'removed' });
      await onlyStandInLeft(before, attached);
      assert.deepEqual(await hostVeths(), []);
      assert.deepEqual(bed.bench.reserved('test'), []);
      assert.doesNotMatch(await bed.bench.host.exec(['/usr/sbin/iptables', '-t', 'nat', '-S']), /CNI-/);
      assert.deepEqual(await detach(attached), { outcome: 'removed' }, 'a second time');
      await onlyStandInLeft(before, attached);
    });
  }

  it('of macvlan goes, and the stand-in stays', async () => {
    const attached = await attach({ type: 'macvlan', master: 'far0', ipam: hostLocal(bed.bench) });
    const before = await takeOver(attached.result);
    await detach(attached);
    await onlyStandInLeft(before, attached);
    assert.deepEqual(bed.bench.reserved('test'), []);
  });

  it('of host-device is on the host again, under the name that it had there', async () => {
    await onHost(['link add dev7 type veth peer name dev7far']);
    const attached = await attach({ type: 'host-device', device: 'dev7' });
    const before = await takeOver(attached.result);
    await detach(attached);
    await onlyStandInLeft(before, attached);
    assert.ok((await bed.bench.links(bed.bench.host)).includes('dev7'));
    await onHost(['link delete dev7']);
  });

  it('is no drift, and no plugin is asked about the stand-in', async () => {
    const attached = await attach(bridge());
    const before = await takeOver(attached.result, 'up');
    assert.deepEqual(await sweep(), []);
    await asTakenOver(attached, before);
    await detach(attached);
  });

  it('is as it was after a DEL that fails', async () => {
    const delegate = join(bed.bench.binDir, 'bridge');
    bed.fake.control({ ADD: { delegate }, DEL: { code: 112, msg: 'no' } });
    const attached = await attach({ ...bridge(), type: 'fake' });
    const before = await takeOver(attached.result, 'up');
    await assert.rejects(detach(attached), { code: 'CniFailed' });
    await asTakenOver(attached, before);
    bed.fake.control({ ADD: { delegate }, DEL: { delegate } });
    await detach(attached);
    await onlyStandInLeft(before, attached);
    assert.deepEqual(await hostVeths(), []);
  });

  for (const [point, moved] of [
    ['once the stand-in stepped aside', []],
    ['once the interface had its name back', [`link set dev ${NIC} name net1`]],
    ["after the plugins' DEL", ['link delete dev NIC']],
  ] as const) {
    it(`goes, and the stand-in is back, where a worker was killed ${point}`, async () => {
      const attached = await attach(bridge());
      const before = await takeOver(attached.result);
      const aside = bed.deps.temporaryName(pod.uid, 'net1/aside');
      await inPod([`link set dev net1 name ${aside}`, ...moved.map((line) => line.replace(/NIC$/, NIC))]);
      await detach(attached);
      await onlyStandInLeft(before, attached);
      assert.deepEqual(await hostVeths(), []);
    });
  }

  it('is not given up for an edit, and is taken back as it was recorded', async () => {
    const attached = await attach(bridge());
    const { result, plugin, stored } = attached;
    const before = await takeOver(result);
    const { network, dialect, cni, definitionUid, configText } = stored.value;
    const madeWith = { network, dialect, cni, definitionUid, configText };
    const edited = await record(bridge({ mtu: 1400 }), { generation: 2, result, madeWith });
    await assert.rejects(bed.steps.cniAdd(inputOf(edited), NEVER), (error: PodwireError) => {
      assert.equal(error.code, 'InterfaceConflict');
      assert.match(error.message, new RegExp(`a program in the pod, which calls it ${NIC}`));
      return true;
    });
    await asTakenOver(attached, before);
    const back = await record(plugin, { generation: 3, result, madeWith });
    assert.deepEqual(await bed.steps.cniAdd(inputOf(back), NEVER), result);
    await asTakenOver(attached, before);
    await detach(attached);
  });

  it('is not made anew either, where that was begun before it was taken over', async () => {
    const attached = await attach(bridge());
    const { result, plugin } = attached;
    const before = await takeOver(result);
    assert.deepEqual(await bed.steps.cniAdd(inputOf(await record(plugin, { generation: 2, result })), NEVER), result);
    await asTakenOver(attached, before);
    await detach(attached);
  });

  it('has its record again, as it was, after etcd was lost', async () => {
    const { stored, result } = await attach(bridge());
    await takeOver(result);
    bed.node.store.attachments.delete(stored.key);
    assert.equal((await restoreJournal(bed.deps, NEVER)).written, 1);
    assert.deepEqual(bed.node.store.attachments.get(stored.key)?.value.result, result);
    await detach({ stored, result, plugin: bridge() });
  });

  it('goes with a sweep where no record owns it', async () => {
    const attached = await attach(bridge());
    const before = await takeOver(attached.result);
    sweepDeps();
    bed.node.store.attachments.delete(attached.stored.key);
    assert.match((await sweep()).join('\n'), /^journal .* removed$/);
    await onlyStandInLeft(before, attached);
    assert.deepEqual(await hostVeths(), []);
    assert.deepEqual(bed.bench.reserved('test'), []);
  });
});

describe('an interface of plugins', () => {
  it('that is only renamed, with another MAC, is found again and has its name back', async () => {
    const attached = await attach(bridge());
    await inPod([
      'link set dev net1 down',
      `link set dev net1 name ${NIC} address ${ITS_MAC}`,
      `link set dev ${NIC} up`,
    ]);
    assert.deepEqual(await sweep(), [`drift the link was renamed to ${NIC} found`]);
    const link = await pod.link('net1');
    assert.deepEqual([link?.ifindex, link?.up], [attached.result.ifindex, true]);
    await inPod(['link set dev net1 down', `link set dev net1 name ${NIC}`]);
    await detach(attached);
    assert.equal(await pod.link(NIC), undefined);
    assert.deepEqual(await hostVeths(), []);
  });

  it('that is gone leaves the link alone that has its name now', async () => {
    const attached = await attach(bridge());
    await takeOver(attached.result);
    await inPod([`link delete dev ${NIC}`]);
    const before = await standIn();
    assert.match((await sweep()).join(), /drift the link is gone, and another one has its name/);
    const again = await record(attached.plugin, { generation: 2, result: attached.result });
    await assert.rejects(bed.steps.cniAdd(inputOf(again), NEVER), { code: 'InterfaceConflict' });
    await detach(attached);
    await onlyStandInLeft(before, attached);
    assert.deepEqual(bed.bench.reserved('test'), []);
  });

  it("that is in another namespace is not gone: the removal fails until the host's end is, too", async () => {
    const attached = await attach(bridge());
    const nested = await createTestNetns();
    try {
      await pod.netns.exec([IP, 'link', 'set', 'net1', 'netns', nested.path]);
      const [veth = ''] = await hostVeths();
      await assert.rejects(detach(attached), (error: PodwireError) => {
        assert.equal(error.code, 'CniFailed');
        assert.match(error.message, new RegExp(`${veth} \\(a port of br-test\\)`));
        return true;
      });
      await nested.exec([IP, 'link', 'delete', 'net1']);
    } finally {
      await nested.remove();
    }
    assert.deepEqual(await detach(attached), { outcome: 'removed' });
  });

  it('that came back from another namespace with another index is still known', async () => {
    const attached = await attach(bridge());
    const nested = await createTestNetns();
    try {
      await pod.netns.exec([IP, 'link', 'set', 'net1', 'netns', nested.path]);
      await nested.exec([IP, 'link', 'set', 'net1', 'name', NIC]);
      const taken = `other${randomBytes(3).toString('hex')}`;
      await pod.netns.exec([IP, 'link', 'add', taken, 'index', String(attached.result.ifindex), 'type', 'bridge']);
      await nested.exec([IP, 'link', 'set', NIC, 'netns', pod.netns.path]);
    } finally {
      await nested.remove();
    }
    assert.notEqual((await pod.link(NIC))?.ifindex, attached.result.ifindex);
    await detach(attached);
    assert.equal(await pod.link(NIC), undefined);
    assert.deepEqual(await hostVeths(), []);
  });
});

describe('a VXLAN link that the owner of the pod renamed', () => {
  it('goes by its alias and its index, and the link under its name stays', async () => {
    const result = await bed.node.ensure(await pod.intend());
    await inPod(['link set dev green down', `link set dev green name ${NIC}`, 'link add green type bridge']);
    const removing = await pod.intend({}, { phase: 'removing', generation: 2, result });
    assert.deepEqual(await bed.node.remove(removing), { outcome: 'removed' });
    assert.equal(await pod.link(NIC), undefined);
    assert.equal((await pod.link('green'))?.kind, 'bridge');
  });
});
