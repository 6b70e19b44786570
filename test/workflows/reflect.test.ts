/** What a run of the reflection does: few activities for many changes, nothing lost when something is away, and an end. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { signalDirty, signalResync } from '../../adapters/reflect/reflect-starter.ts';
import { PodwireError } from '../../domain/failures.ts';
import { RETRY_NOW } from '../../domain/messages.ts';
import {
  REFLECT_VIEW,
  reflectWorkflowId,
  type ReflectSource,
  type ReflectView,
} from '../../domain/reflect/messages.ts';
import type { FakeReflectCluster, MemoryReflectStore } from '../fakes/reflect-parts.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, untilAsked, within } from './limits.ts';

const ROOT = '/vnf-agent/contiv-ksr/k8s';

describe('the run of the reflection', { concurrency: 1 }, () => {
  let lab: Harness;
  let cluster: FakeReflectCluster;
  let store: MemoryReflectStore;
  before(async () => {
    lab = await startHarness();
    ({ cluster, store } = lab.reflection);
  });
  after(() => lab.stop());
  beforeEach(() => {
    cluster.before = () => undefined;
    store.before = () => undefined;
  });

  const handle = (source: ReflectSource) => lab.client.workflow.getHandle(reflectWorkflowId(source));
  const view = (source: ReflectSource): Promise<ReflectView> => handle(source).query<ReflectView>(REFLECT_VIEW);
  const ends = (source: ReflectSource): Promise<unknown> => within(`reflect/${source} ends`, handle(source).result());
  const dirty = (source: ReflectSource, ...names: string[]) => signalDirty(lab.client, source, names);
  const markersOf = async (source: ReflectSource): Promise<number> => {
    const { events } = await handle(source).fetchHistory();
    return (events ?? []).filter((event) => event.markerRecordedEventAttributes !== null).length;
  };

  it('brings 500 changed objects in line with a handful of activities, and ends', async () => {
    const names = Array.from({ length: 500 }, (_, i) => `n/p${i}`);
    for (const name of names) cluster.put('pod', name);
    await dirty('pod', ...names);
    await until('all are there', () => store.keys(`${ROOT}/pod/`).length === 500);
    const written = store.writes;
    await ends('pod');
    assert.ok((await markersOf('pod')) <= 10, `${await markersOf('pod')} activities`);
    assert.equal(store.writes, written);
  });

  it('a write that fails is tried again, says so meanwhile, and loses no name; retryNow shortens the wait', async () => {
    let away = true;
    store.before = (call) => {
      if (away && call === 'write') throw new PodwireError('EtcdUnavailable', 'no space left');
    };
    for (const name of ['n/a', 'n/b']) cluster.put('service', name);
    await dirty('service', 'n/a');
    await untilAsked('the run says why', async () => (await view('service')).state === 'EtcdUnavailable');
    await dirty('service', 'n/b');
    assert.match((await view('service')).failure ?? '', /no space left/);
    const described = await lab.client.workflow.getHandle(reflectWorkflowId('service')).describe();
    assert.equal(described.status.name, 'RUNNING');
    away = false;
    await handle('service').signal(RETRY_NOW, { reason: 'test' });
    await until('both are there', () => store.keys(`${ROOT}/service/`).length === 2);
    await untilAsked('the run is content', async () => (await view('service')).state === 'Converged');
  });

  it('one kind that may not be read holds up no other, and is read once it may be', async () => {
    let forbidden = true;
    cluster.before = (_call, source) => {
      if (forbidden && source === 'policy') throw new PodwireError('ApiUnavailable', 'networkpolicies is forbidden');
    };
    cluster.put('policy', 'n/x');
    cluster.put('endpoints', 'n/x');
    await Promise.all((['policy', 'endpoints'] as const).map((source) => signalResync(lab.client, source, 'start')));
    await until('endpoints are there', () => store.keys(`${ROOT}/endpoints/`).length === 1);
    await untilAsked('the run says why', async () => /forbidden/.test((await view('policy')).failure ?? ''));
    forbidden = false;
    await until('policies are there', () => store.keys(`${ROOT}/policy/`).length === 1);
  });

  it('an object that changes behind the back of a resync is looked at once more after it', async () => {
    for (let i = 0; i < 30; i += 1) cluster.put('namespace', `ns${i}`);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let reading = false;
    // The list has shown ns5 when it is held up; the object goes before it is written.
    cluster.before = async (call, source, name) => {
      if (call !== 'list' || source !== 'namespace' || name !== 'ns10') return;
      reading = true;
      await held;
    };
    await signalResync(lab.client, 'namespace', 'start');
    await until('the resync reads', () => reading);
    cluster.remove('namespace', 'ns5');
    await dirty('namespace', 'ns5');
    await until('it was looked at', () => cluster.gets > 0);
    await untilAsked('the queue is empty', async () => (await view('namespace')).dirty === 0);
    release();
    await until('the resync ends', () => store.keys('/podwire/').some((key) => key.endsWith('/namespace')));
    await until('it is gone', () => store.keys(`${ROOT}/namespace/`).length === 29);
    assert.ok(!store.keys().includes(`${ROOT}/namespace/ns5`));
  });

  it('continues as new in time, with what waits', async () => {
    store.before = (call) => {
      if (call === 'write') throw new PodwireError('EtcdUnavailable', 'away');
    };
    const first = await dirty('endpoints', 'n/e0');
    for (let i = 0; i <= 600; i += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, j) => {
          cluster.put('endpoints', `n/e${i + j}`);
          return dirty('endpoints', `n/e${i + j}`);
        }),
      );
    }
    await untilAsked('a new run', async () => (await handle('endpoints').describe()).runId !== first);
    store.before = () => undefined;
    await handle('endpoints').signal(RETRY_NOW, { reason: 'test' });
    await until('all are there', () => store.keys(`${ROOT}/endpoints/e`).length === 620);
  });

  it('many thousands of changes become a resync', async () => {
    const names = Array.from({ length: 2_500 }, (_, i) => `n/q${i}`);
    for (const name of names) cluster.put('policy', name);
    store.before = (call) => {
      if (call === 'read') throw new PodwireError('EtcdUnavailable', 'away');
    };
    for (let start = 0; start < names.length; start += 500) await dirty('policy', ...names.slice(start, start + 500));
    await untilAsked('a resync is wanted', async () => (await view('policy')).resync !== undefined);
    store.before = () => undefined;
    await until('all are there', () => store.keys(`${ROOT}/policy/q`).length === 2_500);
  });
});
