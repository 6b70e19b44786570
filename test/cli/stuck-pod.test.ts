/** What docs/operations.md tells people to do about a stuck pod, done on a real one: its network wants a parent link that is not there. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { findOpenRuns, signalRetryNow } from '../../cli/pod-runs.ts';
import { linksIn, vxlanOf, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { inNetns, podNetnsPath } from '../../deploy/lab/lab.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import { promised } from '../workflows/limits.ts';
import { failedAttempts, waitState } from './open-run.ts';
import { podwire, temporal } from './podwire-command.ts';

// In a suite, hooks run one after the other; at the top of a file they do not.
describe('a stuck pod', () => {
  const t = labTest('stuck');
  const names = ['shown', 'signalled', 'reset', 'batch-a', 'batch-b'] as const;
  const activity = (name: string): string => `ensure-link-${interfaceOf(name)}`;
  const interfaceOf = (name: string): string => `st${name.replace('-', '')}`;

  let connection: TemporalClient;
  const client = (): TemporalClient['client'] => connection.client;

  before(async () => {
    connection = connectClient({ address: t.lab.temporal.host, namespace: 'default' });
    await t.createPods(
      names.map((name, index) => ({
        name,
        node: t.node(index),
        networks: `${interfaceOf(name)} id=${7800 + index} dev=eth9 up ip=192.168.78.${index + 1}/24`,
      })),
    );
    await Promise.all(names.map((name) => waitState(client(), t.pod(name), 'Stuck')));
  });

  after(() => connection.close());

  /** Makes the missing parent; returns a look for the link, up. */
  async function removeCause(pod: PodRef): Promise<() => Promise<true | undefined>> {
    const netns = await podNetnsPath(t.lab, pod);
    for (const args of [
      ['link', 'add', 'eth9', 'type', 'bridge'],
      ['link', 'set', 'eth9', 'up'],
    ]) {
      const { code, stderr } = await inNetns(netns, 'ip', args);
      assert.equal(code, 0, stderr);
    }
    return async () => {
      const links = vxlanOf(await linksIn(netns));
      return links.some((link) => link.name === interfaceOf(pod.name) && link.up && link.parent === 'eth9')
        ? true
        : undefined;
    };
  }

  test('a stuck pod is listed by status --state Stuck, and shown with its step, its record and the reason', async () => {
    const list = await podwire(t.lab, ['status', t.namespace, '--state', 'Stuck']);
    assert.equal(list.code, 0, list.stderr);
    assert.match(list.stdout, new RegExp(`${t.namespace}/shown +${t.node(0)} +Stuck +\\d+ s +${t.namespace}/stshown`));

    const one = await podwire(t.lab, ['status', `${t.namespace}/shown`]);
    assert.match(one.stdout, /stshown +\S+ +ensure-link +Stuck +ParentMissing: .*eth9/);
    assert.match(one.stdout, /stshown +\S+ +n1 +intent +1 +ParentMissing: .*eth9/);
  });

  test('podwire explain shows what is desired, recorded and in the kernel of a stuck pod, why, and when it is tried next', async () => {
    const target = `${t.namespace}/shown`;
    const withApi = ['--kubeconfig', t.lab.kubeconfigs.admin];
    const said = await podwire(t.lab, ['explain', target, ...withApi, '--temporal-ui', 'http://localhost:8233']);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stdout, new RegExp(`^pod ${target} on node ${t.node(0)}: Stuck since \\d+ s\n`));
    assert.match(said.stdout, /^ {2}http:\/\/localhost:8233\/namespaces\/default\/workflows\/pod%2F/m);
    assert.match(said.stdout, /^stshown \(network \S+\): NOT as it should be$/m);
    assert.match(said.stdout, /^ {2}desired +vxlan id 7800, port 8472, over eth9, 192\.168\.78\.1\/24, up$/m);
    assert.match(said.stdout, /^ {2}recorded +intent, generation 1, sandbox /m);
    assert.match(said.stdout, /^ {2}in the kernel +no such link$/m);
    assert.match(said.stdout, /^ {2}step +ensure-link, try \d+/m);
    assert.match(said.stdout, /^ {2}problem +ParentMissing: .*eth9/m);

    const json = await podwire(t.lab, ['explain', target, ...withApi, '-o', 'json']);
    const { interfaces, uid } = JSON.parse(json.stdout) as { interfaces: { isSettled: boolean }[]; uid: string };
    assert.deepEqual([interfaces.map(({ isSettled }) => isSettled), uid.length], [[false], 36]);
    const yaml = await podwire(t.lab, ['explain', target, ...withApi, '-o', 'yaml']);
    assert.match(yaml.stdout, /^state: Stuck$/m);
    const none = await podwire(t.lab, ['explain', `${t.namespace}/nobody`, ...withApi]);
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /has no pod/);
  });

  test('podwire logs gathers what the parts wrote about a pod, in order', async () => {
    const target = `${t.namespace}/shown`;
    const withApi = ['--kubeconfig', t.lab.kubeconfigs.admin];
    const said = await podwire(t.lab, ['logs', target, ...withApi]);
    assert.equal(said.code, 0, said.stderr);
    const lines = said.stdout.trimEnd().split('\n');
    assert.deepEqual(lines.toSorted(), lines, 'each line begins with its moment');
    for (const part of ['podwire-watcher@', 'podwire-orchestrator@', `podwire-node@${t.node(0)}`])
      assert.ok(
        lines.some((line) => line.split(' ')[1]?.startsWith(part)),
        `${part}: ${said.stdout.slice(0, 2_000)}`,
      );
    assert.match(said.stdout, /ensureVxlanLink.*ParentMissing/);
    const others = names.slice(1).filter((name) => said.stdout.includes(`${t.namespace}/${name}`));
    assert.deepEqual(others, []);
  });

  test('podwire networks and podwire nodes show who is where, for people and for programs', async () => {
    const all = await podwire(t.lab, ['networks']);
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stdout, /^NETWORK +KIND +PORT\/ID +MEMBERS +NOT ATTACHED/);
    assert.match(all.stdout, new RegExp(`^${t.namespace}/stshown +vxlan +8472/7800 +1 +1 +1 `, 'm'));
    const one = await podwire(t.lab, ['networks', 'stshown', '-o', 'json']);
    const [network, ...others] = JSON.parse(one.stdout) as { members: { pod: string; phase: string }[] }[];
    assert.deepEqual(
      [network?.members.map(({ pod, phase }) => [pod, phase]), others],
      [[[`${t.namespace}/shown`, 'intent']], []],
    );
    assert.match(
      (await podwire(t.lab, ['networks', 'stshown'])).stdout,
      /^network \S+\/stshown, vxlan, port\/id 8472\/7800/,
    );
    const none = await podwire(t.lab, ['networks', 'nowhere']);
    assert.deepEqual([none.code, none.stdout], [1, '']);

    const nodes = await podwire(t.lab, ['nodes', '-o', 'json']);
    assert.equal(nodes.code, 0, nodes.stderr);
    const rows = JSON.parse(nodes.stdout) as { node: string; workers: string[]; askedAt: string; lookedAt: string }[];
    assert.deepEqual(
      rows.map(({ node }) => node),
      t.lab.nodes.map(({ name }) => name),
    );
    for (const { askedAt, lookedAt, workers } of rows) {
      assert.ok(workers.length > 0);
      for (const moment of [askedAt, lookedAt]) assert.ok(Date.now() - Date.parse(moment) < 11 * 60_000, moment);
    }
    const wide = await podwire(t.lab, ['nodes', '-o', 'wide']);
    assert.match(wide.stdout, /^NODE +WORKER +ASKED FOR WORK +LOOKED AT .* QUEUE\n/);
  });

  test('podwire status answers programs as well: runs with what they do, nodes, records of one pod', async () => {
    const all = await podwire(t.lab, ['status', '-o', 'json', '--state', 'Stuck']);
    assert.equal(all.code, 0, all.stderr);
    const { runs, nodes } = JSON.parse(all.stdout) as { runs: { pod: PodRef; state: string }[]; nodes: object[] };
    assert.ok(runs.some(({ pod }) => pod.namespace === t.namespace && pod.name === 'shown'));
    assert.ok(runs.every(({ state }) => state === 'Stuck'));
    assert.equal(nodes.length, t.lab.nodes.length);
    const one = await podwire(t.lab, ['status', `${t.namespace}/shown`, '-o', 'yaml']);
    assert.match(one.stdout, /^ +step: ensure-link$/m);
    assert.match(one.stdout, /^records:\n {2}- v: 1$/m);
  });

  test('podwire retry makes a stuck pod try at once', async () => {
    const workflowId = await waitState(client(), t.pod('shown'), 'Stuck');
    const attempts = await failedAttempts(client(), workflowId, activity('shown'));
    const retried = await podwire(t.lab, ['retry', `${t.namespace}/shown`]);
    assert.equal(retried.code, 0, retried.stderr);
    assert.match(retried.stdout, new RegExp(`^retryNow → ${t.namespace}/shown \\(${workflowId}\\)\\n$`));
    // The observation and the first try come at once; the next attempt of the old round would be up to 60 s away.
    await waitFor(
      'another attempt',
      async () => ((await failedAttempts(client(), workflowId, activity('shown'))) > attempts ? true : undefined),
      { limitMs: promised(3_000), everyMs: 50 },
    );
  });

  test('when the cause is gone, retryNow brings the link up within a second', async () => {
    const pod = t.pod('signalled');
    await waitState(client(), pod, 'Stuck');
    const [run] = await findOpenRuns(client(), pod);
    assert.ok(run);
    const linkIsUp = await removeCause(pod);
    assert.equal(await signalRetryNow(client(), run), true);
    await waitFor('link after retryNow', linkIsUp, { limitMs: promised(1_000), everyMs: 20 });
  });

  test('when the cause is gone, temporal activity reset brings the link up within two seconds', async () => {
    const pod = t.pod('reset');
    const workflowId = await waitState(client(), pod, 'Stuck');
    const linkIsUp = await removeCause(pod);
    await temporal(t.lab, [
      'activity',
      'reset',
      '--address',
      t.lab.temporal.host,
      '-w',
      workflowId,
      '-a',
      activity('reset'),
    ]);
    await waitFor('link after the reset', linkIsUp, { limitMs: promised(2_000), everyMs: 20 });
  });

  test('a batch signal by query brings up every stuck pod it finds', async () => {
    const pods = [t.pod('batch-a'), t.pod('batch-b')];
    await Promise.all(pods.map((pod) => waitState(client(), pod, 'Stuck')));
    const looks = await Promise.all(pods.map(removeCause));
    const query = `ProvisioningState="Stuck" AND PodNamespace="${t.namespace}" AND ExecutionStatus="Running"`;
    const place = ['--address', t.lab.temporal.host];
    const batch = ['workflow', 'signal', ...place, '--query', query, '--name', 'retryNow', '--reason', 'eth9 is back'];
    await temporal(t.lab, [...batch, '--yes']);
    await Promise.all(
      looks.map((look) => waitFor('link after the batch', look, { limitMs: promised(5_000), everyMs: 50 })),
    );
  });

  test('podwire retry --all-stuck signals every stuck pod, and says which', async () => {
    const workflowId = await waitState(client(), t.pod('shown'), 'Stuck');
    const { code, stdout, stderr } = await podwire(t.lab, ['retry', '--all-stuck']);
    assert.equal(code, 0, stderr);
    assert.ok(stdout.includes(`retryNow → ${t.namespace}/shown (${workflowId})\n`), stdout);
  });

  test('retry exits with 1 and says so when there is nothing to retry', async () => {
    const { code, stderr } = await podwire(t.lab, ['retry', `${t.namespace}/nobody`]);
    assert.equal(code, 1);
    assert.match(stderr, /nobody has no open run/);
  });

  test('a server that does not answer is named, within the time limit', async () => {
    const started = performance.now();
    const { code, stderr } = await podwire(t.lab, ['status'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    assert.equal(code, 1);
    assert.match(stderr, /^podwire: Cannot reach Temporal namespace default at 127\.0\.0\.1:1/);
    assert.ok(performance.now() - started < 30_000);
  });
});
