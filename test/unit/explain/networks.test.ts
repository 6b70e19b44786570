/** Networks as `podwire networks` lists them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { networksOf } from '../../../domain/explain/networks.ts';
import { cniIntent, intent, RESULT } from '../../etcd/some-records.ts';

it('networks come by name, each with its members by name, its nodes and its tunnels once', () => {
  const b = intent('b', 7, { phase: 'attached', result: RESULT, network: { scope: 'cluster', name: 'red' } });
  const a = intent('a', 7, { node: 'n2', network: { scope: 'cluster', name: 'red' } });
  const [cni, red, ...others] = networksOf([b, a, cniIntent('c')]).sort((one) => (one.kind === 'cni' ? -1 : 1));
  assert.deepEqual(others, []);
  assert.deepEqual([cni?.kind, cni?.tunnels, cni?.members.length], ['cni', [], 1]);
  assert.deepEqual([red?.network, red?.tunnels, red?.nodes], ['cluster/red', ['8472/7'], ['n1', 'n2']]);
  assert.deepEqual(
    red?.members.map(({ pod, phase, mac, addresses }) => [pod, phase, mac, addresses]),
    [
      ['a/web', 'intent', undefined, []],
      ['b/web', 'attached', RESULT.mac, RESULT.addresses],
    ],
  );
});
