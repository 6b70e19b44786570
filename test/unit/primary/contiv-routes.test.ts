/** `GET /contiv/v1/…` of a node, by HTTP on loopback. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { Registry } from 'prom-client';
import { contivRoutes } from '../../../adapters/http/contiv-routes.ts';
import { startHealthServer, type HealthServer } from '../../../adapters/http/health-server.ts';
import type { Route } from '../../../adapters/http/routes.ts';
import type { NodeAnswers } from '../../../domain/primary/contiv-queries.ts';
import type { PrimarySandbox } from '../../../domain/primary/sandbox.ts';

const web: PrimarySandbox = {
  ...{ sandboxId: 's1', pod: { namespace: 'shop', name: 'web-0' } },
  interfaces: [{ name: 'eth0', hostInterface: 'pwp0a010102', addresses: ['10.1.1.2', 'fd00::2'] }],
};
const shown = {
  ...{ podNamespace: 'shop', podName: 'web-0', containerID: 's1' },
  interfaces: [{ name: 'eth0', hostInterface: 'pwp0a010102', addresses: ['10.1.1.2', 'fd00::2'] }],
};
const IPAM = '{"nodeId":1}';

let server: HealthServer;
let subnets: readonly string[] | undefined;
let contiv: NodeAnswers['contiv'];
let routes: Route[] = [];

before(async () => {
  routes = [];
  const options = { metrics: new Registry(), notReady: () => [], local: routes };
  server = await startHealthServer({ bindAddress: '0.0.0.0:0', ...options });
});
after(() => server.stop());

const ask = async (path: string, host = '127.0.0.1'): Promise<readonly [number, unknown]> => {
  const response = await fetch(`http://${host}:${server.address.split(':').at(-1)}${path}`);
  const body = await response.text();
  return [
    response.status,
    response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(body) : body,
  ];
};

test('a node tells of its pods, their interfaces and its subnets', async () => {
  assert.equal((await ask('/contiv/v1/pods'))[0], 404);
  routes.push(
    ...contivRoutes({
      sandboxes: () => [web],
      podSubnets: () => subnets,
      get contiv() {
        return contiv;
      },
    }),
  );
  assert.deepEqual(await ask('/contiv/v1/pods'), [200, [shown]]);
  assert.deepEqual(await ask('/contiv/v1/pods/shop/web-0'), [200, [shown]]);
  assert.deepEqual(await ask('/contiv/v1/pods/shop/web-1'), [404, 'pod shop/web-1 has no address of this node']);
  assert.deepEqual(await ask('/contiv/v1/interfaces/pwp0a010102'), [200, shown]);
  assert.deepEqual(await ask('/contiv/v1/interfaces/eth0'), [404, "interface eth0 is no pod's of this node"]);
  assert.equal((await ask('/contiv/v1/pod-subnets'))[0], 500);
  subnets = ['10.1.1.0/24'];
  assert.deepEqual(await ask('/contiv/v1/pod-subnets'), [200, { podSubnets: ['10.1.1.0/24'] }]);
  assert.equal((await ask('/contiv/v1/nothing'))[0], 404);
});

test('what follows from contiv.yaml is answered where there is one', async () => {
  for (const path of ['/contiv/v1/ipam', '/contiv/v1/node-ip']) assert.equal((await ask(path))[0], 404);
  const known: string[] = [];
  contiv = { ipam: async () => ({ status: 200, body: IPAM }), nodeIp: async () => known[0] };
  assert.deepEqual(await ask('/contiv/v1/ipam'), [200, JSON.parse(IPAM)]);
  assert.deepEqual(await ask('/contiv/v1/node-ip'), [500, 'Error getting node IP']);
  known.push('192.168.16.1');
  assert.deepEqual(await ask('/contiv/v1/node-ip'), [200, { nodeIP: '192.168.16.1' }]);
});

test('who comes from elsewhere is refused, and has the probes all the same', async (t) => {
  const other = Object.values(networkInterfaces())
    .flat()
    .find((each) => each !== undefined && !each.internal && each.family === 'IPv4')?.address;
  if (other === undefined) return t.skip('this machine has no address but loopback');
  assert.equal((await ask('/contiv/v1/pods', other))[0], 403);
  assert.equal((await ask('/healthz', other))[0], 200);
});
