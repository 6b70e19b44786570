/** What follows from ADD and DEL of the primary network, on a real cluster: etcd says what the nodes' disks say, whoever was away meanwhile. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { partPid, stopPart } from '../../deploy/lab/lab.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { listPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { primarySandboxKey } from '../../domain/keys.ts';
import { sandboxWorkflowId, type SandboxReport } from '../../domain/primary/sandbox-run.ts';
import { deletePods, waitFor } from '../lab/harness.ts';
import { allAgree, heldLeases } from './node-truth.ts';
import { ownLab } from './own-lab.ts';

/** The back-off of a node goes up to 30 s, and its run waits as long for a node that was away. */
const LIMIT = { limitMs: 90_000, everyMs: 300 };

describe('what follows from the calls of the primary network', () => {
  const t = ownLab();
  let etcd: Etcd;
  let temporal: TemporalClient;
  before(() => {
    etcd = createEtcd({ endpoints: [`http://${t.lab.etcd.host}`], timeoutMs: 5_000 });
    temporal = connectClient({ address: t.lab.temporal.host, namespace: t.lab.temporal.namespace ?? 'default' });
  });
  after(async () => {
    etcd.close();
    await temporal.close();
  });

  const onDisks = (): string[] =>
    t.lab.nodes.flatMap((node) =>
      heldLeases(t.lab, node).map(
        ({ sandboxId, pod, addresses }) => `${node.name} ${sandboxId} ${pod.namespace}/${pod.name} ${addresses.join()}`,
      ),
    );
  const inEtcd = async (): Promise<string[]> =>
    (await listPrimarySandboxes(etcd)).map(
      ({ node, sandboxId, pod, interfaces }) =>
        `${node} ${sandboxId} ${pod.namespace}/${pod.name} ${interfaces.flatMap(({ addresses }) => addresses).join()}`,
    );
  const agree = (): Promise<unknown> =>
    waitFor(
      'etcd to say what the disks say',
      async () => {
        const [disks, records] = [onDisks().sort(), (await inEtcd()).sort()];
        if (disks.join('\n') !== records.join('\n')) throw new Error(JSON.stringify({ disks, records }, null, 1));
        return true;
      },
      LIMIT,
    );
  const pods = (prefix: string) => [0, 1, 2].map((at) => ({ name: `${prefix}-${at}`, node: t.node(at) }));

  test('pods that come are recorded and found whole, and pods that go leave nothing in etcd', async () => {
    await t.run(pods('plain'));
    await agree();
    const mine = t.lab.nodes
      .flatMap((node) => heldLeases(t.lab, node))
      .filter(({ pod }) => pod.namespace === t.namespace && pod.name.startsWith('plain-'));
    assert.equal(mine.length, 3);
    for (const { sandboxId } of mine) {
      const report = (await temporal.client.workflow.getHandle(sandboxWorkflowId(sandboxId)).result()) as SandboxReport;
      assert.deepEqual(report, { state: 'recorded', missing: [], givenUp: [] });
    }
    await deletePods(
      t.lab,
      pods('plain').map(({ name }) => t.pod(name)),
    );
    await agree();
  });

  test('what came and went while Temporal or etcd did not answer is recorded when they are back', async () => {
    await t.run(pods('before'));
    for (const part of ['temporal', 'podwire-etcd']) {
      const pid = partPid(t.lab, part) ?? assert.fail(part);
      process.kill(pid, 'SIGSTOP');
      try {
        await t.run(pods(`during-${part}`));
        await deletePods(t.lab, [t.pod(`during-${part}-0`)]);
        if (part === 'temporal') await deletePods(t.lab, [t.pod('before-0')]);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await agree();
    }
    await allAgree(t.lab);
  });

  test('a worker tells what its predecessor could not, and what etcd has lost', async () => {
    const part = nodePart(t.node(0).name);
    const pid = partPid(t.lab, 'temporal') ?? assert.fail('temporal');
    await t.run(pods('known'));
    await agree();
    process.kill(pid, 'SIGSTOP');
    try {
      await t.run(pods('untold'));
      await deletePods(t.lab, [t.pod('known-0')]);
      await stopPart(t.lab, part, 'SIGKILL');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const [lost] = heldLeases(t.lab, t.node(0));
    await etcd.transact([], [{ remove: primarySandboxKey(t.node(0).name, lost?.sandboxId ?? assert.fail()) }]);
    await startPodwirePart(t.lab, part);
    await agree();
    await allAgree(t.lab);
  });
});
