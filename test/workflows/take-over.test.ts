/** With `--npwg-adopt-foreign` a network that Multus attached goes when its entry is taken out of the annotation. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { cniPods } from './cni-pods.ts';
import { directly, startHarness, type Harness } from './harness.ts';
import { until } from './limits.ts';
import type { TestPod } from './test-pod.ts';

const MAC = '02:00:00:00:00:99';
const npwg = { ...DEFAULT_DIALECT_SETTINGS.npwg, adoptForeign: true };

describe('what Multus attached', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness(undefined, directly, 'present', { ...DEFAULT_DIALECT_SETTINGS, npwg });
  });
  after(() => lab.stop());
  const { podWith, recorded } = cniPods(() => lab);

  /** A pod with eth0 and, by Multus, green at net1 and red at net2, of which it asks for green alone. */
  async function podByMultus(): Promise<TestPod> {
    const pod = await podWith('green', 'blue');
    const entry = (name: string, interfaceName: string) => ({
      ...{ name: `${pod.namespace}/${name}`, interface: interfaceName, ips: ['10.9.0.9'], mac: MAC, dns: {} },
    });
    const eth0 = { name: 'cbr0', interface: 'eth0', ips: ['10.244.0.5'], default: true, dns: {} };
    pod.change({ npwgStatus: JSON.stringify([eth0, entry('green', 'net1'), entry('red', 'net2')]) });
    await pod.select('green');
    await pod.ended();
    assert.deepEqual([pod.steps, pod.status], [[], ['net1 Foreign']]);
    return pod;
  }
  const keeps = ({ uid }: TestPod, interfaceName: string): void => {
    lab.nodes.foreign.set(`${uid}/${interfaceName}`, {
      ...{ ifindex: 5, mac: MAC, mtu: 1500, addresses: ['10.9.0.9/24'], adopted: false, before: 'absent' },
    });
  };

  it('is taken over and detached as podwire’s own; what the annotation never asked for, and eth0, stay', async () => {
    const pod = await podByMultus();
    keeps(pod, 'net1');
    await pod.select('');
    await pod.ended();
    assert.deepEqual(pod.steps, ['takeOverForeign net1', 'cniDelete net1']);
    assert.deepEqual(await pod.activityIds(), ['take-over-net1', 'cni-del-net1']);
    assert.deepEqual([await recorded(pod), pod.status, pod.links], [[], [], []]);
    assert.deepEqual(pod.npwgStatus, ['eth0 cbr0', `net2 ${pod.namespace}/red`]);
    assert.deepEqual(pod.events, [`NetworkDetached: detached net1 from network ${pod.namespace}/green`]);
    assert.deepEqual([await pod.state(), await pod.mark()], ['Converged', 'converged']);
  });

  it('gives its interface to the network that is asked for there', async () => {
    const pod = await podByMultus();
    keeps(pod, 'net1');
    await pod.select('blue@net1');
    await pod.ended();
    // As with every edit of a CNI network, cniAdd does the DEL of what was there.
    assert.deepEqual(pod.steps, ['takeOverForeign net1', 'cniAdd net1']);
    assert.deepEqual(pod.status, ['net1 Attached']);
    assert.ok(pod.events.includes(`NetworkDetached: detached net1 from network ${pod.namespace}/green`));
    assert.deepEqual(await recorded(pod), ['net1 blue attached']);
  });

  it('stays Foreign, and the pod is told why, where Multus keeps nothing of it; a retry tries again', async () => {
    const pod = await podByMultus();
    await pod.select('');
    await pod.ended();
    assert.deepEqual([pod.steps, pod.status], [['takeOverForeign net1'], ['net1 Foreign']]);
    const stays = `net1 stays attached to network ${pod.namespace}/green by another runtime: Multus keeps nothing of it`;
    assert.deepEqual(pod.events, [`NetworkWarning: ${stays}`]);
    await pod.converge();
    assert.deepEqual(pod.steps, ['takeOverForeign net1']);
    keeps(pod, 'net1');
    await pod.signal('retryNow');
    await pod.ended();
    assert.deepEqual(pod.steps, ['takeOverForeign net1', 'takeOverForeign net1', 'cniDelete net1']);
    assert.deepEqual(pod.status, []);
  });

  it('that cannot be looked at for now is told, and goes by itself when it can', async () => {
    const pod = await podByMultus();
    keeps(pod, 'net1');
    let isAway = true;
    lab.nodes.script(pod.uid, 'takeOverForeign', () => (isAway ? 'CriUnavailable' : 'ok'));
    await pod.select('');
    await until('it is told', () => pod.events.length > 0);
    assert.match(pod.events.join(), /NetworkDetachFailing: cannot detach net1 .*green\): CriUnavailable: .*; retrying/);
    assert.deepEqual(pod.status, ['net1 Foreign']);
    isAway = false;
    await pod.ended();
    assert.deepEqual([await recorded(pod), pod.status, pod.steps.at(-1)], [[], [], 'cniDelete net1']);
  });

  it('stays where the annotation cannot be read, and where an entry of its network is wrong', async () => {
    const pod = await podByMultus();
    keeps(pod, 'net1');
    for (const annotation of ['[{"name":', '[{"name":"green","interface":"eth0"}]']) {
      await pod.select(annotation);
      await pod.ended();
      assert.deepEqual([pod.steps, await recorded(pod)], [[], []]);
    }
  });
});
