/** What is read of Node objects for the mesh between nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeClient } from '../../../adapters/kubernetes/client.ts';
import { getNodeAddresses, listNodes } from '../../../adapters/kubernetes/nodes.ts';

const node = (name: string, more: object = {}) => ({
  metadata: { name },
  spec: { podCIDR: '10.1.1.0/24', podCIDRs: ['10.1.1.0/24', 'fd00:1::/64'] },
  status: {
    addresses: [
      { type: 'Hostname', address: name },
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'ExternalIP', address: '203.0.113.1' },
      { type: 'InternalIP', address: '2001:db8::1' },
    ],
  },
  ...more,
});

/** Answers every call with this, and notes what was asked for. */
function answering(body: unknown, status = 200) {
  const asked: string[] = [];
  const call: KubeClient['call'] = async ({ path, query }) => {
    asked.push(`${path}?${new URLSearchParams(query).toString()}`);
    return { status, body, retryAfterMs: undefined };
  };
  return { asked, client: { call } as KubeClient };
}

test('a node has the addresses of its Node object that are of the network between nodes', async () => {
  const { asked, client } = answering(node('n1'));
  assert.deepEqual(await getNodeAddresses(client, 'n1'), ['192.0.2.1', '2001:db8::1']);
  assert.deepEqual(asked, ['/api/v1/nodes/n1?']);
  assert.deepEqual(await getNodeAddresses(answering(node('n1', { status: {} })).client, 'n1'), []);
  await assert.rejects(getNodeAddresses(answering({}, 404).client, 'n1'), { code: 'ApiUnavailable' });
  await assert.rejects(getNodeAddresses(answering({ status: { addresses: 7 } }).client, 'n1'), {
    code: 'ApiUnavailable',
  });
});

test('all nodes are listed as the API server has them in memory, without what is no Node object', async () => {
  const items = [node('n1'), node('n2', { spec: {}, status: {} }), { metadata: {} }, 7];
  const { asked, client } = answering({ items });
  assert.deepEqual(await listNodes(client), [
    {
      ...{ name: 'n1', addresses: ['192.0.2.1', '2001:db8::1'] },
      spec: { podCIDR: '10.1.1.0/24', podCIDRs: ['10.1.1.0/24', 'fd00:1::/64'] },
    },
    { name: 'n2', addresses: [], spec: {} },
  ]);
  assert.deepEqual(asked, ['/api/v1/nodes?resourceVersion=0']);
  await assert.rejects(listNodes(answering({ items: 7 }).client), { code: 'ApiUnavailable' });
});
