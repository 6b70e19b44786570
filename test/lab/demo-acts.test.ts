/** The acts of the demo in their order, but for the last one, which needs podwire's CNI plugin (test/installed); each builds on the pods of those before it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Act, ActContext } from '../../deploy/demo/act.ts';
import { badAnnotation } from '../../deploy/demo/acts/bad-annotation.ts';
import { forcedDelete } from '../../deploy/demo/acts/forced-delete.ts';
import { killedWorker } from '../../deploy/demo/acts/killed-worker.ts';
import { runningPod } from '../../deploy/demo/acts/running-pod.ts';
import { threePods } from '../../deploy/demo/acts/three-pods.ts';
import { whoRunsWhere } from '../../deploy/demo/acts/who-runs-where.ts';
import { podwireEvents } from '../../deploy/demo/cluster.ts';
import { labTest } from './harness.ts';
import { exactlyOne, intentFirst, meshComplete, nothingLeaked, statusTruth } from './invariants.ts';

describe('the acts of the demo', () => {
  const t = labTest('acts');
  const play = <T>(act: Act<T>): Promise<T> => {
    const context: ActContext = { lab: t.lab, namespace: t.namespace, did: () => undefined, saw: () => undefined };
    return act.run(context);
  };
  const holds = async (names: readonly string[]): Promise<void> => {
    const pods = names.map((name) => t.pod(name));
    await intentFirst(t.lab);
    await exactlyOne(t.lab, pods);
    await Promise.all([
      statusTruth(t.lab, pods),
      meshComplete(t.lab, 'cluster/vxeth1'),
      meshComplete(t.lab, 'cluster/vxeth2'),
    ]);
    await nothingLeaked(t.lab);
  };

  test('podwire is one worker on every node, two orchestrators and a watcher', async () => {
    const parts = await play(whoRunsWhere);
    const count = (name: string): number => parts.filter(({ part }) => part === name).length;
    assert.equal(count('podwire-node'), t.lab.nodes.length);
    assert.equal(count('podwire-orchestrator'), 2);
    assert.equal(count('podwire-watcher'), 1);
  });

  test('pods a and b reach each other through the gateway and in no other way', async () => {
    const facts = await play(threePods);
    assert.deepEqual(facts.hops, ['192.168.11.1', '192.168.12.2']);
    assert.equal(facts.withTtlOne.received, 0);
    assert.equal(facts.withoutForwarding.received, 0);
    assert.equal(facts.withForwardingAgain.received, 2);
    for (const { from, to, result } of facts.pings) assert.equal(result.received, 3, `${from} → ${to}`);
    await holds(['a', 'b', 'gateway']);
  });

  test('a running pod gets a network by an annotation and loses it again, without a restart', async () => {
    const facts = await play(runningPod);
    assert.equal(facts.answered.received, 3);
    assert.equal(facts.restarts, 0);
    await holds(['a', 'b', 'gateway', 'late']);
    const reasons = (await podwireEvents(t.lab, t.pod('late'))).map((event) => event.reason).sort();
    assert.deepEqual(reasons, ['NetworkAttached', 'NetworkDetached']);
  });

  test('a node worker killed in the middle of an attach leaves exactly one link when it is back', async () => {
    const facts = await play(killedWorker);
    assert.equal(facts.halfMade.length, 1);
    assert.equal(facts.links.length, 1);
    await holds(['a', 'b', 'gateway', 'late']);
  });

  test('nobody sends to a pod that was deleted by force', async () => {
    const facts = await play(forcedDelete);
    for (const targets of Object.values(facts.after)) assert.ok(!targets.includes(facts.address));
    await holds(['a', 'b', 'gateway']);
  });

  test('a mistake in an annotation shows as an event that names it, and the good network of the pod works', async () => {
    const facts = await play(badAnnotation);
    assert.match(facts.warning.message, /vxeth2.*ip.*192\.168\.12\.300\/29.*allowed/);
    assert.deepEqual(
      facts.links.map((link) => link.name),
      ['vxeth1'],
    );
    await holds(['a', 'b', 'gateway', 'typo']);
  });
});
