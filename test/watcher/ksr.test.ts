/**
 * `podwire ksr` as KSR's users know it, on a real API server, etcd and Temporal. The lab of PODWIRE_TEST_LAB (default `podwire`) has to be up.
 * The keys' label and the Temporal server are the test's own, so that other reflectors of the lab are not met.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { kubectl, openLab, type Lab } from '../../deploy/lab/lab.ts';
import type { AgentStatus } from '../../domain/reflect/agent-status.ts';
import { KSR_LOGGERS } from '../../domain/reflect/log-levels.ts';
import { startDevServer, type DevServer } from '../workflows/dev-server.ts';
import { untilAsked } from '../workflows/limits.ts';
import { runKsrToItsEnd, startKsr, type KsrProcess } from './ksr-process.ts';

const label = `ksr-test-${randomUUID().slice(0, 8)}`;
const namespace = label;
const tree = `/vnf-agent/${label}/`;

let lab: Lab;
let etcd: Etcd;
let temporal: DevServer;
let ksr: KsrProcess;

before(async () => {
  lab = await openLab(process.env['PODWIRE_TEST_LAB'] ?? 'podwire');
  etcd = createEtcd({ endpoints: [lab.etcd.host], timeoutMs: 5_000 });
  temporal = await startDevServer();
  ksr = await startKsr(lab, { temporal: temporal.address, env: { MICROSERVICE_LABEL: label } });
});

after(async () => {
  await ksr.stop();
  await temporal.stop();
  await kubectl(lab, ['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false']);
  const left = [...(await etcd.keys(tree)), ...(await etcd.keys(`/podwire/reflected/${label}/`))];
  for (let start = 0; start < left.length; start += 100)
    await etcd.transact(
      [],
      left.slice(start, start + 100).map((key) => ({ remove: key })),
    );
  etcd.close();
});

const answer = async (path: string, method = 'GET'): Promise<{ status: number; body: string }> => {
  const response = await fetch(`${ksr.url}${path}`, { method });
  return { status: response.status, body: await response.text() };
};

const readiness = async (): Promise<number> => (await answer('/readiness').catch(() => ({ status: 0 }))).status;

test('it becomes ready, with every part OK, and the cluster is in etcd below its label', async () => {
  await untilAsked('readiness', async () => (await readiness()) === 200, 120_000);
  const status = JSON.parse((await answer('/liveness')).body) as AgentStatus;
  assert.equal(status.state, 1);
  const parts = status.plugins.map(({ name }) => name);
  for (const part of ['ksr', 'etcd', 'temporal', 'ksr-namespace', 'ksr-pod', 'ksr-policy', 'ksr-service', 'ksr-node'])
    assert.ok(parts.includes(part), part);
  const kubeSystem = await etcd.get(`${tree}k8s/namespace/kube-system`);
  assert.equal((JSON.parse(kubeSystem?.value ?? '{}') as { name: string }).name, 'kube-system');
  assert.ok((await etcd.keys(`${tree}k8s/service/kubernetes/namespace/`)).length === 1);
});

test('a level that is set is seen in the log of the running process', async () => {
  const listed = JSON.parse((await answer('/log/list')).body) as { logger: string; level: string }[];
  for (const logger of KSR_LOGGERS)
    assert.ok(
      listed.some((each) => each.logger === logger && each.level === 'info'),
      logger,
    );
  const spoken = () => ksr.log().filter(({ logger, level }) => logger === 'ksr-namespace' && level === 'debug');
  assert.deepEqual(spoken(), []);
  assert.deepEqual(await answer('/log/ksr-namespace/debug', 'PUT'), {
    status: 200,
    body: '{\n  "logger": "ksr-namespace",\n  "level": "debug"\n}\n',
  });
  await kubectl(lab, ['create', 'namespace', namespace]);
  const key = `${tree}k8s/namespace/${namespace}`;
  await untilAsked('the namespace in etcd', async () => (await etcd.get(key)) !== undefined, 20_000);
  await untilAsked('a line about it', async () => spoken().some((line) => line['key'] === key), 5_000);
  assert.equal(ksr.log().filter(({ logger, level }) => logger === 'ksr-pod' && level === 'debug').length, 0);
});

test("the counters are KSR's gauges, and lie in etcd, written only when they change", async () => {
  const namespaces = (text: string): number =>
    Number(/^adds\{[^}]*reflectorType="Namespace"[^}]*\} (\d+)$/m.exec(text)?.[1]);
  const { status, body } = await answer('/stats');
  assert.equal(status, 200);
  assert.ok(namespaces(body) >= 4, body);
  assert.match(body, new RegExp(`node="${label}"`));
  const gauges = (): Promise<{ value: string; modRevision: string } | undefined> => etcd.get(`${tree}status/gauges`);
  await untilAsked('the statistics in etcd', async () => {
    const stats = JSON.parse((await gauges())?.value ?? '{}') as { namespaceStats?: { Adds?: string | number } };
    return Number(stats.namespaceStats?.Adds) === namespaces((await answer('/stats')).body);
  });
  const first = await gauges();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const second = await gauges();
  if (first?.value === second?.value) assert.equal(first?.modRevision, second?.modRevision);
  const health = (await answer('/health')).body;
  assert.match(health, /^service_health\{[^}]*\} 1$/m);
  assert.match(health, /^service_dependency_health\{[^}]*dependency="etcd"[^}]*\} 1$/m);
  assert.match(health, /^service_info\{[^}]*build_version="\d/m);
});

test('a wrong file ends it with code 2 and one clear message; no etcd at all, too', async () => {
  const wrong = await startKsr(lab, { temporal: temporal.address, etcdConf: 'endpoints: 7\n' });
  await untilAsked('its end', async () => !wrong.running());
  await wrong.stop();
  const result = await runKsrToItsEnd(['--etcd-config=/nowhere/etcd.conf'], { KUBE_CONFIG: lab.kubeconfigs.admin });
  assert.equal(result.code, 2);
  assert.match(result.stderr, /^podwire ksr: The configuration has 1 mistake/);
  assert.match(result.stderr, /neither \/nowhere\/etcd\.conf exists/);
});

test('SIGTERM ends it with everything in order', async () => {
  await ksr.stop();
  assert.equal(ksr.running(), false);
});
