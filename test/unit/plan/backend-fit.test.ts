import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ParsedSelections } from '../../../domain/network-selection.ts';
import { fitForBackend } from '../../../domain/plan/backend-fit.ts';
import { podWith } from '../npwg/parsing.ts';

const AGENTS = { container: 'agent', initContainer: 'agent-init' };

test('a pod of backend exec whose network comes to have a pool is told so, and keeps what it has', () => {
  const parsed: ParsedSelections = {
    selections: [
      {
        ...{ kind: 'vxlan', dialect: 'npwg', position: 1, network: { scope: 'cluster.network', name: 'blue' } },
        through: { dialect: 'npwg', definition: { scope: 'red', name: 'blue' } },
        link: {
          ...{ kind: 'vxlan', interfaceName: 'net1', vni: 7, dstPort: 8472, parent: 'eth0', up: true },
          ...{ addresses: [], routes: [], peers: [] },
          pool: { name: 'ClusterNetwork:blue', order: 'next', restSeconds: 60, sticky: false, subnets: [], wanted: [] },
        },
      },
    ],
    problems: [],
    keep: [],
    warnings: [],
  };
  const pod = podWith('blue', { namespace: 'red', agents: [{ role: 'main' }] } as never);
  const fit = fitForBackend(parsed, pod, 'exec', AGENTS as never);
  assert.deepEqual(fit.selections, []);
  assert.deepEqual(
    fit.problems.map(({ code }) => code),
    ['BackendUnfit'],
  );
  assert.deepEqual(fit.keep, ['npwg:red/blue']);
});
