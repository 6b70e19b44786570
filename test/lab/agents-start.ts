/** Unchanged manifests of kube-vxlan-controller's users, as they start: the same tests for either backend. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { declareNetworks, field, phase, waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { ping, waitReachable } from '../../deploy/demo/ping.ts';
import { agentPod, createAgentPods, examplePods, linksAtStart } from './agent-pods.ts';
import { waitEvent, type LabTest } from './harness.ts';
import { exactlyOne, intentFirst, meshComplete, nothingLeaked, statusTruth } from './invariants.ts';
import { readKeys } from './records.ts';

const ROUTED_TTL = 63;
/** As process 1 it takes no TERM: only what looks for the file ends it. */
const OLD_AGENT = ['sh', '-c', "trap '' TERM; until [ -e /run/terminate ]; do sleep 0.2; done"];
const DEAF_AGENT = ['sh', '-c', "trap '' TERM; while :; do sleep 1; done"];

export function startingPods(t: LabTest, backend: 'node' | 'exec'): void {
  before(() => declareNetworks(t.lab, { vxeth1: 'id=101 up', vxeth2: 'id=102 up' }));
  after(async () => {
    await t.deletePods(['a', 'b', 'gw', 'odd', 'old', 'deaf', 'plain'].map((name) => t.pod(name)));
    await nothingLeaked(t.lab);
  });

  test('the three pods of the example start with their networks, and a and b talk through gw', async () => {
    const pods = await createAgentPods(t.lab, examplePods(t.lab, t.namespace));
    await waitRunning(t.lab, pods);
    const [a, b, gw] = pods as [PodRef, PodRef, PodRef];
    // kubectl says Running when the main container does: the networks were there before.
    assert.ok((await linksAtStart(t.lab, a)).includes('vxeth1'));
    assert.ok((await linksAtStart(t.lab, b)).includes('vxeth2'));
    const atGateway = await linksAtStart(t.lab, gw);
    assert.ok(atGateway.includes('vxeth1') && atGateway.includes('vxeth2'), atGateway.join());
    await waitReachable(t.lab, a, '192.168.12.2');
    const routed = await ping(t.lab, a, '192.168.12.2');
    assert.deepEqual([routed.received, routed.ttl], [routed.sent, ROUTED_TTL]);
    await exactlyOne(t.lab, pods);
    await Promise.all([
      statusTruth(t.lab, pods),
      meshComplete(t.lab, 'cluster/vxeth1'),
      meshComplete(t.lab, 'cluster/vxeth2'),
      intentFirst(t.lab),
    ]);
    const targets = (await readKeys(t.lab, '/podwire/attachments/')).map(({ key }) => key.split('/')[3] ?? '');
    assert.ok(
      targets.every((place) => place.startsWith('exec:') === (backend === 'exec')),
      `the records say who made the links: ${targets.join()}`,
    );
  });

  test('a pod with a refused network, one without any, one with an old agent, and no deaf one start', async () => {
    const odd = { node: t.node(0), networks: 'vxeth1 ip=192.168.11.3/29, vxeth2 mtu=big' };
    const pods = await createAgentPods(t.lab, [
      // First, so that it would be in the way of the others.
      agentPod(t.lab, t.pod('deaf'), { node: t.node(0), networks: '', initCommand: DEAF_AGENT }),
      agentPod(t.lab, t.pod('odd'), odd),
      agentPod(t.lab, t.pod('old'), { ...odd, networks: 'vxeth1 ip=192.168.11.4/29', initCommand: OLD_AGENT }),
      agentPod(t.lab, t.pod('plain'), { node: t.node(1), networks: '' }),
    ]);
    const [deaf, ...others] = pods as [PodRef, PodRef, PodRef, PodRef];
    await waitRunning(t.lab, others, 20_000);
    await waitEvent(t.lab, others[0], 'NetworkRefused', /vxeth2.*mtu.*"big".*allowed/);
    assert.ok((await linksAtStart(t.lab, others[0])).includes('vxeth1'));
    assert.ok((await linksAtStart(t.lab, others[1])).includes('vxeth1'));
    assert.equal(await phase(t.lab, deaf), 'Pending');
    assert.equal(await field(t.lab, others[0], '{.status.initContainerStatuses[0].restartCount}'), '0');
    await meshComplete(t.lab, 'cluster/vxeth1');
  });
}
