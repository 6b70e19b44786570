import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeClient } from '../../../adapters/kubernetes/client.ts';
import { createCluster } from '../../../adapters/kubernetes/cluster.ts';
import { readOrchestratorConfig } from '../../../config/orchestrator.ts';
import type { EventReasons } from '../../../domain/status/event-reasons.ts';

describe('events of podwire', () => {
  const POD = { uid: 'u', namespace: 'shop', name: 'web-0' };
  const KEYS = { labels: [], annotations: [], agents: { init: 'i', main: 'm' } };
  const unused = (): never => assert.fail('only events are written');

  const reasonsWith = async (reasons?: EventReasons): Promise<string> => {
    const seen: unknown[] = [];
    const client: KubeClient = {
      call: async ({ body }) => {
        seen.push((body as { reason: string }).reason);
        return { status: 201, body: {}, retryAfterMs: undefined };
      },
      open: unused,
      close: unused,
    };
    const cluster = createCluster(client, KEYS, ...(reasons === undefined ? [] : [reasons]));
    for (const reason of ['NetworkAttached', 'NetworkDetached', 'NetworkRefused', 'NetworkWarning', 'NetworkDrifted'])
      await cluster.createEvent(POD, { type: 'Normal', reason, message: 'm', key: reason });
    return seen.join(' ');
  };

  it('have reasons of podwire’s own', async () => {
    assert.equal(await reasonsWith(), 'NetworkAttached NetworkDetached NetworkRefused NetworkWarning NetworkDrifted');
  });

  it('have those of multus-dynamic-networks-controller by a setting, where that has a word for it', async () => {
    assert.equal(
      await reasonsWith('multus-dynamic-networks-controller'),
      'AddedInterface RemovedInterface InterfaceAddRejected NetworkWarning NetworkDrifted',
    );
    const read = (argv: readonly string[], env: Record<string, string> = {}) =>
      readOrchestratorConfig(argv, env).eventReasons;
    assert.equal(read([]), 'podwire');
    assert.equal(read(['--event-reasons=multus-dynamic-networks-controller']), 'multus-dynamic-networks-controller');
    assert.equal(read([], { PODWIRE_EVENT_REASONS: 'multus-dynamic-networks-controller' }).slice(0, 6), 'multus');
    assert.throws(() => read(['--event-reasons=kubevirt']), /event-reasons/);
  });
});
