/** `--gate-on-refusal=shut`, with either backend: a pod with a mistake in its networks waits in its init container until it is right. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { annotate, declareNetworks, phase, waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { EXEC_NAMESPACE, startPodwire } from '../../deploy/lab/podwire.ts';
import { agentPod, createAgentPods, linksAtStart } from '../lab/agent-pods.ts';
import { labTest, waitEvent, type LabTest } from '../lab/harness.ts';
import { nothingLeaked, statusTruth } from '../lab/invariants.ts';

for (const backend of ['node', 'exec'] as const) {
  describe(`a gate that a refused network keeps shut, backend ${backend}`, () => {
    const t = backend === 'exec' ? labTest('shut', EXEC_NAMESPACE) : labTest('shut');
    keptShut(t);
  });
}

function keptShut(t: LabTest): void {
  before(async () => {
    await startPodwire(t.lab, { env: { PODWIRE_GATE_ON_REFUSAL: 'shut' } });
    await declareNetworks(t.lab, { shut1: 'id=3811 up', shut2: 'id=3812 up' });
  });
  after(async () => {
    await t.deletePods(['shut-wrong', 'shut-right'].map((name) => t.pod(name)));
    await declareNetworks(t.lab, { shut1: null, shut2: null });
    await nothingLeaked(t.lab);
  });

  test('a pod with a refused network waits while another starts, and starts once the annotation is right', async () => {
    const [wrong, right] = (await createAgentPods(t.lab, [
      agentPod(t.lab, t.pod('shut-wrong'), { node: t.node(0), networks: 'shut1 ip=10.82.0.1/24, shut2 mtu=big' }),
      agentPod(t.lab, t.pod('shut-right'), { node: t.node(0), networks: 'shut1 ip=10.82.0.2/24' }),
    ])) as [PodRef, PodRef];
    await waitEvent(t.lab, wrong, 'NetworkRefused', /shut2.*mtu.*"big".*allowed/);
    // It was refused before the other one's networks were there: there was time to open its gate as well.
    await waitRunning(t.lab, [right], 20_000);
    assert.equal(await phase(t.lab, wrong), 'Pending');
    await annotate(t.lab, wrong, 'shut1 ip=10.82.0.1/24, shut2 ip=10.83.0.1/24');
    await waitRunning(t.lab, [wrong], 20_000);
    const links = await linksAtStart(t.lab, wrong);
    assert.ok(links.includes('shut1') && links.includes('shut2'), links.join());
    await statusTruth(t.lab, [wrong, right]);
  });
}
