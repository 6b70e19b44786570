/** What every part tells of its calls and steps, and how the SDK's figures come beside it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { timedEtcd } from '../../../adapters/etcd/timed.ts';
import { timedKube } from '../../../adapters/kubernetes/timed.ts';
import type { KubeClient } from '../../../adapters/kubernetes/client.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { NodeSteps } from '../../../activities/network/index.ts';
import { createPartMetrics } from '../../../workers/metrics/part-metrics.ts';
import { sdkMetricsAt, withSdk } from '../../../workers/metrics/sdk-metrics.ts';
import { nodeStepMetrics } from '../../../workers/metrics/step-metrics.ts';
import { createOrchestratorMetrics } from '../../../workers/orchestrator/orchestrator-metrics.ts';
import type { ControlSteps } from '../../../activities/control/control-contract.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';

const samples = async (registry: Registry, prefix: string): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(prefix));

describe('the figures of a part', () => {
  it('say which part it is and what was built', async () => {
    const { registry } = createPartMetrics('node');
    const [info = ''] = await samples(registry, 'podwire_build_info');
    assert.match(
      info,
      /^podwire_build_info\{part="node",version="\d+\.\d+\.\d+",commit="",node_version="v\d+\..*"\} 1$/,
    );
    assert.equal((await samples(registry, 'process_resident_memory_bytes ')).length, 1);
  });

  it('count calls of etcd by their kind and how they end', async () => {
    const { registry, calls } = createPartMetrics('node');
    const memory = new MemoryEtcd();
    const away = () => Promise.reject(new PodwireError('EtcdUnavailable', 'away'));
    const etcd = timedEtcd(memory, calls.etcd);
    await etcd.get('/podwire/x');
    await etcd.transact([], [{ put: '/podwire/x', value: '1' }]);
    assert.equal((await etcd.list('/podwire/')).entries.length, 1);
    await assert.rejects(
      timedEtcd(Object.assign(new MemoryEtcd(), { get: away }), calls.etcd).get('/podwire/x'),
      /away/,
    );
    assert.deepEqual(await samples(registry, 'podwire_etcd_call_seconds_count'), [
      'podwire_etcd_call_seconds_count{call="get",outcome="ok"} 1',
      'podwire_etcd_call_seconds_count{call="transact",outcome="ok"} 1',
      'podwire_etcd_call_seconds_count{call="list",outcome="ok"} 1',
      'podwire_etcd_call_seconds_count{call="get",outcome="EtcdUnavailable"} 1',
    ]);
  });

  it('count calls of the API by method and class of the status', async () => {
    const { registry, calls } = createPartMetrics('watcher');
    const kube = timedKube(
      { call: async () => ({ status: 409, body: {} }) } as unknown as KubeClient,
      calls.kubernetes,
    );
    await kube.call({ method: 'PATCH', path: '/api/v1/namespaces/shop/pods/web' });
    assert.deepEqual(await samples(registry, 'podwire_kubernetes_call_seconds_count'), [
      'podwire_kubernetes_call_seconds_count{call="PATCH",outcome="4xx"} 1',
    ]);
  });

  it('time steps of nodes by what they are for, and show what is under way', async () => {
    const registry = new Registry();
    const gate: { open?: () => void } = {};
    const steps = nodeStepMetrics(registry, 'podwire_node').timed({
      cniAdd: () => new Promise<void>((resolve) => (gate.open = resolve)),
      ensureVxlanLink: () => Promise.reject(new PodwireError('ParentMissing', 'no eth9')),
    } as unknown as NodeSteps);
    const { signal } = new AbortController();
    const adding = steps.cniAdd({} as never, signal);
    assert.deepEqual(await samples(registry, 'podwire_node_steps_in_flight{'), [
      'podwire_node_steps_in_flight{step="cniAdd"} 1',
    ]);
    gate.open?.();
    await adding;
    await assert.rejects(steps.ensureVxlanLink({} as never, signal), /no eth9/);
    assert.deepEqual(await samples(registry, 'podwire_node_step_seconds_count'), [
      'podwire_node_step_seconds_count{step="cniAdd",operation="attach",kind="cni",outcome="ok"} 1',
      'podwire_node_step_seconds_count{step="ensureVxlanLink",operation="attach",kind="vxlan",outcome="ParentMissing"} 1',
    ]);
    assert.deepEqual(await samples(registry, 'podwire_node_steps_in_flight{'), [
      'podwire_node_steps_in_flight{step="cniAdd"} 0',
      'podwire_node_steps_in_flight{step="ensureVxlanLink"} 0',
    ]);
  });

  it('count what an orchestrator records of pods, and nothing that was not recorded', async () => {
    const registry = new Registry();
    const steps = createOrchestratorMetrics(registry).counted({
      recordResult: async ({ modRevision }: { modRevision: string }) => modRevision === '7',
      recordRefusal: async () => undefined,
      recordFailure: () => Promise.reject(new PodwireError('EtcdUnavailable', 'away')),
    } as unknown as ControlSteps);
    await steps.recordResult({ modRevision: '7' } as never);
    await steps.recordResult({ modRevision: '8' } as never);
    await steps.recordRefusal({ failure: { code: 'VniTaken', message: '' } } as never);
    await assert.rejects(steps.recordFailure({ failure: { code: 'CniFailed', message: '' } } as never));
    const seen = [...(await samples(registry, 'podwire_attached')), ...(await samples(registry, 'podwire_refused'))];
    assert.deepEqual(seen, ['podwire_attached_total 1', 'podwire_refused_total{reason="VniTaken"} 1']);
    assert.deepEqual(await samples(registry, 'podwire_steps_failing'), []);
  });
});

describe("the SDK's figures", () => {
  const core = createServer((_request, response) => response.end('temporal_x 1\n'));
  before(() => once(core.listen(0, '127.0.0.1'), 'listening'));
  after(() => core.close());
  const { registry } = createPartMetrics('node');

  it("stand behind the part's own, in one text", async () => {
    const { port } = core.address() as AddressInfo;
    const text = await withSdk(
      registry,
      sdkMetricsAt(() => `127.0.0.1:${port}`),
    ).metrics();
    assert.match(text, /^podwire_build_info\{/m);
    assert.match(text, /\ntemporal_x 1\n$/);
  });

  it("that cannot be read cost a comment, not the part's own", async () => {
    const text = await withSdk(registry, { text: () => Promise.reject(new Error('no\nanswer')) }).metrics();
    assert.match(text, /^podwire_build_info\{/m);
    assert.match(text, /\n# the Temporal SDK's figures could not be read: no answer\n$/);
  });
});
