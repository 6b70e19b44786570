/**
 * Two watchers on a real API server and a real Temporal: what reaches Temporal, and how often.
 * The lab of PODWIRE_TEST_LAB (default `podwire`) has to be up. Label, annotation and namespace are the test's own, so that pods of others are
 * not touched; the pods are on a Node object of the test's own without a kubelet, so that nothing runs (on a node that does not exist at all,
 * pods are removed by the garbage collector). Marks are empty: nothing was ever attached under these keys.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import { readWatcherConfig } from '../../config/watcher.ts';
import { kubectl, openLab, type Lab } from '../../deploy/lab/lab.ts';
import { podWorkflowId } from '../../domain/messages.ts';
import { MemoryEtcd } from '../workflows/memory-etcd.ts';
import { makeWhole } from '../etcd/whole-store.ts';
import { etcdStoreAccess } from '../../watcher/etcd-store-access.ts';
import { createPartMetrics } from '../../workers/metrics/part-metrics.ts';
import { startWatcher, type Watcher } from '../../watcher/watcher.ts';
import { until } from './until.ts';

const namespace = `watcher-test-${randomUUID().slice(0, 8)}`;
const node = namespace;
const key = 'watcher-test.example.org/networks';

let lab: Lab;
let temporal: TemporalClient;
const watchers: Watcher[] = [];

before(async () => {
  lab = await openLab(process.env['PODWIRE_TEST_LAB'] ?? 'podwire');
  temporal = connectClient({ address: lab.temporal.host, namespace: 'default' });
  await kubectl(lab, ['create', 'namespace', namespace]);
  const object = { apiVersion: 'v1', kind: 'Node', metadata: { name: node }, spec: { unschedulable: true } };
  await kubectl(lab, ['create', '-f', '-'], { input: JSON.stringify(object) });
  await kubectl(lab, ['-n', namespace, 'create', 'configmap', 'networks', '--from-literal=net=id=4000']);
  await start();
});

after(async () => {
  for (const watcher of watchers) await watcher.stop();
  await temporal.close();
  await kubectl(lab, ['-n', namespace, 'delete', 'pods', '--all', '--force', '--grace-period=0']);
  await kubectl(lab, ['delete', 'node', node]);
  await kubectl(lab, ['delete', 'namespace', namespace, '--wait=false']);
});

const credentials = new RotatingCredentials(createLogger('watcher', 'silent'));
after(() => credentials.stop());

async function start(): Promise<Watcher> {
  const config = readWatcherConfig(
    [
      ...['--kubeconfig', lab.kubeconfigs.admin, '--temporal-address', lab.temporal.host],
      ...['--selector', key, '--annotation', key, '--configmap', `${namespace}/networks`],
      // Asked only by the checks at start: what the watcher itself knows of etcd is in memory here.
      ...['--etcd-endpoints', lab.etcd.host, '--bind-address', '127.0.0.1:0'],
    ],
    {},
  );
  const memory = new MemoryEtcd();
  await makeWhole(memory);
  const none = async () => new Map<string, never>();
  const watcher = await startWatcher(
    config,
    {
      converged: {
        listConverged: none,
        listPodsWithRecords: none,
        listOutdatedRefusals: async () => new Set<string>(),
      },
      store: etcdStoreAccess(memory),
      part: createPartMetrics('watcher'),
    },
    createLogger('watcher', 'silent'),
    credentials,
  );
  watchers.push(watcher);
  await until('ready', () => watcher.notReady().length === 0, 15_000);
  return watcher;
}

/** Signals of all runs of a pod, oldest first. */
async function signalsOf(workflowId: string): Promise<string[]> {
  const names: { name: string; at: number }[] = [];
  for await (const run of temporal.client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
    const history = await temporal.client.workflow.getHandle(workflowId, run.runId).fetchHistory();
    for (const event of history.events ?? []) {
      const name = event.workflowExecutionSignaledEventAttributes?.signalName;
      if (typeof name === 'string')
        names.push({ name, at: Number(event.eventTime?.seconds) * 1e9 + (event.eventTime?.nanos ?? 0) });
    }
  }
  return names.sort((a, b) => a.at - b.at).map(({ name }) => name);
}

async function createPod(name: string, networks: string): Promise<string> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { [key]: '' }, annotations: { [key]: networks } },
    spec: {
      nodeName: node,
      automountServiceAccountToken: false,
      containers: [{ name: 'c', image: lab.testImage }],
    },
  };
  // A new namespace has its service account a moment later.
  await until('the pod is accepted', () =>
    kubectl(lab, ['create', '-f', '-'], { input: JSON.stringify(pod) }).then(
      () => true,
      () => false,
    ),
  );
  const uid = await kubectl(lab, ['-n', namespace, 'get', 'pod', name, '-o', 'jsonpath={.metadata.uid}']);
  return podWorkflowId({ namespace, name, uid });
}

const signalled = (id: string, ...expected: string[]) =>
  until(`signals ${expected.join(', ')}`, async () => (await signalsOf(id)).join() === expected.join(), 10_000);

test('a pod is signalled when it comes, when its wishes change and when it goes, and for nothing else', async () => {
  const id = await createPod('a', 'net');
  await signalled(id, 'desiredChanged');
  await kubectl(lab, ['-n', namespace, 'annotate', 'pod', 'a', 'unrelated=1']);
  await kubectl(lab, ['-n', namespace, 'annotate', '--overwrite', 'pod', 'a', `${key}=net mtu=1300`]);
  await signalled(id, 'desiredChanged', 'desiredChanged');
  await kubectl(lab, ['-n', namespace, 'patch', 'configmap', 'networks', '-p', '{"data":{"other":"id=4001"}}']);
  await kubectl(lab, ['-n', namespace, 'patch', 'configmap', 'networks', '-p', '{"data":{"net":"id=4002"}}']);
  await signalled(id, 'desiredChanged', 'desiredChanged', 'desiredChanged');
  await kubectl(lab, ['-n', namespace, 'delete', 'pod', 'a', '--force', '--grace-period=0']);
  await signalled(id, 'desiredChanged', 'desiredChanged', 'desiredChanged', 'podDeleted');
});

test('a second watcher gives more signals and no second run at a time', async () => {
  const second = await start();
  const id = await createPod('b', 'net');
  await signalled(id, 'desiredChanged', 'desiredChanged');
  await second.stop();
  watchers.pop();
});

test('metrics tell what was done', async () => {
  const response = await fetch(`http://${watchers[0]?.address ?? ''}/metrics`);
  const text = await response.text();
  assert.match(text, /podwire_starts_total\{signal="podDeleted"\} 1/);
  assert.match(text, /podwire_watch_lag_seconds_count [1-9]/);
  assert.match(text, /podwire_watch_relists_total\{kind="pod",reason="start"\} 1/);
});
