/** What a worker writes of activities that fail, and what Temporal is told: here of the reflection's, which give their failures a shape themselves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApplicationFailure, asyncLocalStorage, CancelledFailure, type Context } from '@temporalio/activity';
import { createReflectActivities } from '../../../activities/reflect/index.ts';
import type { ReflectActivities, ReflectLocalActivities } from '../../../activities/reflect/reflect-contract.ts';
import type { Logger } from '../../../adapters/log/logger.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { loggedActivities } from '../../../workers/logged-activities.ts';
import { fakeReflectDeps, FakeReflectCluster, MemoryReflectStore } from '../../fakes/reflect-parts.ts';

function world() {
  const cluster = new FakeReflectCluster();
  const store = new MemoryReflectStore();
  const unforeseen: unknown[] = [];
  const log = { error: ({ step }: { step: string }) => unforeseen.push(step) } as unknown as Logger;
  const activities = loggedActivities(createReflectActivities(fakeReflectDeps(cluster, store)), log);
  const cancellation = new AbortController();
  const context = { info: { isLocal: false }, cancellationSignal: cancellation.signal, heartbeat: () => undefined };
  const failure = (work: (all: ReflectActivities & ReflectLocalActivities) => Promise<unknown>): Promise<unknown> =>
    asyncLocalStorage.run(context as unknown as Context, () =>
      work(activities).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
  return { cluster, store, unforeseen, cancellation, failure };
}

const typeOf = (error: unknown): string | null | undefined =>
  error instanceof ApplicationFailure ? error.type : `no failure of an application: ${String(error)}`;

describe("a worker's log of activities that fail", () => {
  it('has no line of its own for a failure that is known, whichever activity gave it its shape', async () => {
    const { store, unforeseen, failure } = world();
    store.before = () => {
      throw new PodwireError('EtcdUnavailable', 'no space left');
    };
    const names = await failure((all) => all.reflectNames({ source: 'pod', names: ['n/p'] }));
    const resync = await failure((all) => all.reflectResync({ source: 'pod', reason: 'test' }));
    assert.deepEqual([names, resync].map(typeOf), ['EtcdUnavailable', 'EtcdUnavailable']);
    assert.deepEqual(unforeseen, []);
  });

  it('has one for what nobody foresaw', async () => {
    const { store, unforeseen, failure } = world();
    store.before = () => {
      throw new TypeError('x is not a function');
    };
    assert.equal(typeOf(await failure((all) => all.reflectResync({ source: 'pod', reason: 'test' }))), 'Unexpected');
    assert.deepEqual(unforeseen, ['reflectResync']);
  });

  it('has none for a cancellation, which Temporal is told as one', async () => {
    const { cluster, unforeseen, cancellation, failure } = world();
    cluster.put('pod', 'n/p');
    cluster.before = () => cancellation.abort(new Error('the worker ends'));
    const error = await failure((all) => all.reflectResync({ source: 'pod', reason: 'test' }));
    assert.ok(error instanceof CancelledFailure, String(error));
    assert.deepEqual(unforeseen, []);
  });
});
