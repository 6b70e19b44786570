/** Services of two families that have EndpointSlices only. The API is a fake: the lab's cluster has one family and refuses such services. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeAnswer, KubeClient } from '../../../adapters/kubernetes/client.ts';
import { createReflectCluster } from '../../../adapters/reflect/reflect-cluster.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../../domain/reflect/settings.ts';
import { derive } from '../../../domain/reflect/derive.ts';

const slice = (addressType: string, address: string): object => ({
  metadata: { namespace: 'shop', name: `web-${addressType}`, labels: { 'kubernetes.io/service-name': 'web' } },
  addressType,
  endpoints: [{ addresses: [address] }],
  ports: [{ port: 80, protocol: 'TCP' }],
});
const BOTH = [slice('IPv4', '10.0.0.7'), slice('IPv6', 'fd00::7')];

/** @param service what the API answers about the service */
function api(
  slices: readonly object[],
  service: Pick<KubeAnswer, 'status' | 'body'>,
): KubeClient & { asked: string[] } {
  const asked: string[] = [];
  const notFound = (name: string) => ({ kind: 'Status', reason: 'NotFound', details: { name } });
  const answerTo = (path: string): Pick<KubeAnswer, 'status' | 'body'> => {
    if (path.endsWith('/services/web')) return service;
    if (path.endsWith('endpointslices')) return { status: 200, body: { metadata: {}, items: slices } };
    return path.endsWith('/endpoints/web')
      ? { status: 404, body: notFound('web') }
      : { status: 200, body: { metadata: {}, items: [] } };
  };
  return {
    asked,
    call: async ({ path }) => {
      asked.push(path);
      return { ...answerTo(path), retryAfterMs: undefined };
    },
    open: () => Promise.reject(new Error('nothing is watched')),
    close: () => undefined,
  };
}

const addressesOf = (object: unknown): unknown => {
  const [derived] = derive('endpoints', 'shop/web', object, DEFAULT_REFLECT_SETTINGS);
  return JSON.stringify(derived?.record).match(/10\.0\.0\.7|fd00::7/g);
};

for (const [says, service, expected] of [
  ['IPv6 first', { status: 200, body: { spec: { ipFamilies: ['IPv6', 'IPv4'] } } }, 'fd00::7'],
  ['IPv4 first', { status: 200, body: { spec: { ipFamilies: ['IPv4', 'IPv6'] } } }, '10.0.0.7'],
  ['no families', { status: 200, body: { spec: {} } }, '10.0.0.7'],
  ['that it is gone', { status: 404, body: { kind: 'Status', reason: 'NotFound' } }, '10.0.0.7'],
  ['that nobody may see it', { status: 403, body: { kind: 'Status', reason: 'Forbidden' } }, '10.0.0.7'],
] as const) {
  test(`a service that says ${says} has the addresses of that family, read alone and in a list`, async () => {
    const client = api(BOTH, service);
    const cluster = createReflectCluster(client);
    assert.deepEqual(addressesOf(await cluster.get('endpoints', 'shop/web')), [expected]);
    for await (const page of cluster.pages('endpoints'))
      assert.deepEqual(
        page.map(({ name, object }) => [name, addressesOf(object)]),
        [['shop/web', [expected]]],
      );
  });
}

test('of a service of one family nobody is asked', async () => {
  const client = api([slice('IPv6', 'fd00::7')], { status: 500, body: undefined });
  const cluster = createReflectCluster(client);
  assert.deepEqual(addressesOf(await cluster.get('endpoints', 'shop/web')), ['fd00::7']);
  assert.ok(!client.asked.some((path) => path.includes('/services/')));
});
