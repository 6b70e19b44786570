/** What is written to network objects: podwire's finalizer beside those of others, and a status with the times of its conditions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeAnswer, KubeClient, KubeRequest } from '../../../adapters/kubernetes/client.ts';
import { createNetworkObjects } from '../../../adapters/kubernetes/network-object-writes.ts';
import type { NetworkStatus } from '../../../domain/network-objects/status.ts';

const REF = { kind: 'network', namespace: 'red', name: 'blue', uid: 'u' } as const;
const PATH = '/apis/podwire.io/v1alpha1/namespaces/red/networks/blue';
const OURS = 'podwire.io/network';
const WITHOUT_VNI: NetworkStatus = {
  ...{ observedGeneration: 2, members: 1, nodes: 1, addresses: 0, meshComplete: true },
  conditions: [{ type: 'Ready', status: 'True', reason: 'Serving', message: 'pods can be attached' }],
};

const STATUS: NetworkStatus = { ...WITHOUT_VNI, vni: 70_000 };

interface Answers {
  readonly metadata?: object;
  readonly status?: object;
  /** To a patch. */
  readonly answer?: Partial<KubeAnswer>;
}

function api({ metadata = {}, status, answer }: Answers = {}) {
  const patches: KubeRequest[] = [];
  const object = {
    metadata: { uid: 'u', namespace: 'red', name: 'blue', resourceVersion: '9', ...metadata },
    spec: {},
    status,
  };
  const client: KubeClient = {
    call: async (request) => {
      if (request.method === 'GET') assert.equal(request.path, PATH);
      else patches.push(request);
      const patched = request.method === 'PATCH' ? answer : undefined;
      return { status: 200, body: object, retryAfterMs: undefined, ...patched };
    },
    open: () => assert.fail('nothing is watched'),
    close: () => undefined,
  };
  return { objects: createNetworkObjects(client), patches };
}

/** As the API says that it does not take a write. */
const invalid = (...causes: readonly { field?: string; message: string }[]): Partial<KubeAnswer> => ({
  status: 422,
  body: { reason: 'Invalid', message: causes.map(({ message }) => message).join('; '), details: { causes } },
});

describe('a network object', () => {
  it('is read with its finalizer and its status; another one of its name is none', async () => {
    const timed = STATUS.conditions.map((each) => ({ ...each, lastTransitionTime: '2026-01-01T00:00:00Z' }));
    const status = { ...STATUS, conditions: timed };
    const found = await api({ metadata: { finalizers: [OURS], deletionTimestamp: 'x' }, status }).objects.read(REF);
    assert.deepEqual([found?.held, found?.status, found?.definition.allocatedVni], [true, STATUS, 70_000]);
    assert.equal(found?.definition.deleting, true);
    assert.equal(await api({ metadata: { uid: 'other' } }).objects.read(REF), undefined);
    assert.equal((await api({ status: { vni: 'x' } }).objects.read(REF))?.status, undefined);
  });

  it('gets the finalizer beside those of others, unless it was changed in between, and loses nobody else’s', async () => {
    const fresh = api({ metadata: { finalizers: ['theirs'] } });
    assert.equal(await fresh.objects.hold(REF, true), true);
    assert.deepEqual(fresh.patches[0]?.body, {
      metadata: { uid: 'u', resourceVersion: '9', finalizers: ['theirs', OURS] },
    });
    const held = api({ metadata: { finalizers: [OURS, 'theirs'] } });
    assert.equal(await held.objects.hold(REF, true), true);
    assert.equal(held.patches.length, 0, 'it is there already');
    await held.objects.hold(REF, false);
    assert.deepEqual(held.patches[0]?.body, { metadata: { uid: 'u', resourceVersion: '9', finalizers: ['theirs'] } });
    assert.equal(await fresh.objects.hold({ ...REF, uid: 'earlier' }, false), false);
  });

  it('that is being deleted takes no finalizer, and one that was changed in between is tried again', async () => {
    const isDeleted = invalid({ field: 'metadata.finalizers', message: 'Forbidden: no new finalizers can be added' });
    assert.equal(await api({ answer: isDeleted }).objects.hold(REF, true), false);
    const isOther = invalid({ field: 'metadata.uid', message: 'Invalid value: "u": field is immutable' });
    assert.equal(await api({ answer: isOther }).objects.publish(REF, STATUS), false);
    const raced = api({ answer: { status: 409, body: { message: 'Conflict' } } });
    await assert.rejects(raced.objects.hold(REF, true), { code: 'ApiUnavailable' });
  });

  it('that a policy or its schema keeps from being written is not taken for one that is gone', async () => {
    const denials = [
      invalid({ message: "ValidatingAdmissionPolicy 'x' denied request: no" }),
      invalid({ field: 'metadata.finalizers', message: 'no' }, { field: 'spec.vni', message: 'Invalid value' }),
      { status: 422, body: { message: 'no' } },
    ];
    for (const answer of denials) {
      await assert.rejects(api({ answer }).objects.hold(REF, true), { code: 'ApiUnavailable', message: /no/ });
      await assert.rejects(api({ answer }).objects.publish(REF, STATUS), { code: 'ApiUnavailable' });
    }
  });

  it('gets its status through the subresource; a condition keeps its time for as long as its status stays', async () => {
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Earlier',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const { objects, patches } = api({ status: { ...STATUS, conditions: [condition] } });
    const conditions = [
      ...STATUS.conditions,
      { type: 'Conflict', status: 'False', reason: 'NoConflict', message: '' } as const,
    ];
    assert.equal(await objects.publish(REF, { ...WITHOUT_VNI, conditions }), true);
    assert.equal(patches[0]?.path, `${PATH}/status`);
    const { status } = patches[0]?.body as { status: { vni: unknown; conditions: Record<string, string>[] } };
    assert.equal(status.vni, null, 'one that it has no more is taken out');
    assert.equal(status.conditions[0]?.['lastTransitionTime'], '2026-01-01T00:00:00Z');
    assert.match(status.conditions[1]?.['lastTransitionTime'] ?? '', /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(await api({ answer: { status: 404 } }).objects.publish(REF, STATUS), false);
  });
});
