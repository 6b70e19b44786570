/**
 * What a sweep does with what a node's looks say, on a real Temporal. The looks are scripted: a real node cannot be made to see
 * something once and not a second time. Real looks are tested in test/lab/sweep.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type {
  DriftRemainsInput,
  RepairDriftInput,
  RestoredInput,
} from '../../activities/control/sweep/sweep-control-contract.ts';
import type {
  SweepActInput,
  SweepActResult,
  SweepLookResult,
} from '../../activities/network/sweep/sweep-node-contract.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { startSweep, sweepNow } from '../../adapters/temporal/sweeps.ts';
import { CONTROL_QUEUE, nodeQueue } from '../../domain/messages.ts';
import type { Finding } from '../../domain/sweep/finding.ts';
import { sweepId, type NodeSweepInput, type SweepReport } from '../../domain/sweep/messages.ts';
import { workflowCode } from '../../workers/workflow-code.ts';
import { startDevServer, type DevServer } from './dev-server.ts';

const POD = { uid: 'u1', namespace: 'shop', name: 'web-0' };
const attachment = { node: 'n1', sandboxId: 's', interfaceName: 'net1', generation: 3, modRevision: '9' };
const drift: Finding = {
  ...{ id: 'drift/1', kind: 'drift', action: 'repair', where: 'net1', owner: 'shop/web-0', why: 'the link is gone' },
  ...{ pod: POD, attachment },
};
const orphan: Finding = {
  ...{ id: 'journal/1', kind: 'journal', action: 'remove', where: 'net2', owner: 'shop/web-0', why: 'no record' },
  pod: POD,
};

describe('a sweep', () => {
  let server: DevServer;
  let temporal: TemporalClient;
  let connection: NativeConnection;
  let client: Client;
  const stops: (() => Promise<void>)[] = [];
  const calls: string[] = [];
  let nodeExists = true;
  let repairs: boolean | 'kept' = true;
  let first: SweepLookResult;
  let second: (input: SweepActInput) => SweepActResult;

  before(async () => {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
    });
    server = await startDevServer();
    temporal = connectClient({ address: server.address, namespace: 'default' });
    client = temporal.client;
    connection = await NativeConnection.connect({ address: server.address });
    await serve(CONTROL_QUEUE, {
      ...workflowCode(),
      activities: {
        readNode: async () => ({ exists: nodeExists, lookAgainAfterSeconds: 1 }),
        repairDrift: async ({ interfaceName, why }: RepairDriftInput) => {
          calls.push(`repair ${interfaceName}: ${why}`);
          return repairs;
        },
        tellDriftRemains: async ({ interfaceName, why }: DriftRemainsInput) => {
          calls.push(`remains ${interfaceName}: ${why}`);
          return true;
        },
        driftIsOver: async ({ interfaceName }: RepairDriftInput) => {
          calls.push(`over ${interfaceName}`);
          return true;
        },
        tellRestored: async ({ interfaceName, why, id }: RestoredInput) => {
          calls.push(`restored ${interfaceName}: ${why} (${id})`);
          return true;
        },
        wakeIdlePod: async ({ name }: typeof POD) => {
          calls.push(`wake ${name}`);
          return true;
        },
      },
    });
    await serve(nodeQueue('n1'), {
      activities: {
        sweepLook: async () => {
          calls.push('look');
          return first;
        },
        sweepAct: async (input: SweepActInput) => {
          calls.push(`act on ${input.ids.join()}${input.only === undefined ? '' : ` in ${input.only.sandboxId}`}`);
          return second(input);
        },
      },
    });
  });
  after(async () => {
    for (const stop of stops) await stop();
    await Promise.all([connection.close(), temporal.close()]);
    await server.stop();
  });

  const serve = async (taskQueue: string, options: object): Promise<void> => {
    const worker = await Worker.create({ connection, taskQueue, shutdownGraceTime: 0, ...options });
    const ended = worker.run();
    stops.push(async () => {
      worker.shutdown();
      await ended;
    });
  };
  const sees = (...findings: Finding[]): SweepLookResult => ({
    findings: findings.map((finding) => ({ ...finding, ageSeconds: 0 })),
    ...{ more: 0, gcDue: false },
  });
  const sweep = (o: Partial<NodeSweepInput> = {}): Promise<SweepReport> => {
    calls.length = 0;
    return sweepNow(client, { node: 'n1', pauseSeconds: 1, ...o }, 60_000);
  };
  const outcomes = ({ rows }: SweepReport): string[] => rows.map(({ finding, outcome }) => `${finding.id} ${outcome}`);

  it('ends after one look that finds nothing', async () => {
    first = sees();
    assert.deepEqual(await sweep(), { node: 'n1', state: 'done', rows: [], more: 0 });
    assert.deepEqual(calls, ['look']);
  });

  it('asks the pod first whether it wants back what has no record, and hands drift to its run', async () => {
    first = sees(orphan, drift);
    second = () => ({
      rows: [
        { finding: orphan, ageSeconds: 1, outcome: 'removed' },
        { finding: drift, ageSeconds: 1, outcome: 'found' },
      ],
      gc: [],
    });
    assert.deepEqual(outcomes(await sweep()), ['journal/1 removed', 'drift/1 repairing']);
    assert.deepEqual(calls, ['look', 'wake web-0', 'act on journal/1,drift/1', 'repair net1: the link is gone']);
  });

  it('reports drift that is not repaired for the time being, and says why', async () => {
    first = sees(drift);
    second = () => ({ rows: [{ finding: drift, ageSeconds: 1, outcome: 'found' }], gc: [] });
    repairs = 'kept';
    const report = await sweep();
    repairs = true;
    assert.deepEqual(outcomes(report), ['drift/1 reported']);
    assert.match(report.rows[0]?.finding.why ?? '', /^the link is gone \(kept: repaired once /);
  });

  it("tells the pod's owner of drift that was repaired in vain, and reports it", async () => {
    const remaining: Finding = { ...drift, action: 'report', repairs: 3 };
    first = sees(remaining);
    second = () => ({ rows: [{ finding: remaining, ageSeconds: 1, outcome: 'reported' }], gc: [] });
    assert.deepEqual(outcomes(await sweep()), ['drift/1 reported']);
    assert.deepEqual(calls, ['look', 'act on drift/1', 'remains net1: the link is gone']);
  });

  it('takes back what the status says of drift that is over', async () => {
    const over: Finding = { ...drift, id: 'over/1', kind: 'record', action: 'tell', over: true };
    first = sees(over);
    second = () => ({ rows: [{ finding: over, ageSeconds: 1, outcome: 'found' }], gc: [] });
    assert.deepEqual(outcomes(await sweep()), ['over/1 told']);
    assert.deepEqual(calls, ['look', 'act on over/1', 'over net1']);
  });

  it('does nothing about what the second look does not find again', async () => {
    first = sees(drift);
    second = () => ({ rows: [{ finding: { ...drift, why: '' }, ageSeconds: 0, outcome: 'gone' }], gc: [] });
    const report = await sweep();
    assert.deepEqual(outcomes(report), ['drift/1 gone']);
    assert.equal(report.rows[0]?.finding.why, 'the link is gone');
    assert.deepEqual(calls, ['look', 'act on drift/1']);
  });

  it('only looks, twice, in a dry run', async () => {
    first = sees(orphan, drift);
    assert.deepEqual(outcomes(await sweep({ dryRun: true })), ['journal/1 found', 'drift/1 found']);
    assert.deepEqual(calls, ['look', 'look']);
  });

  it('does not wait for a node that is away', async () => {
    nodeExists = true;
    const startedAt = performance.now();
    assert.equal((await sweep({ node: 'away' })).state, 'node-away');
    assert.ok(performance.now() - startedAt < 30_000);
  });

  it('says of a node that is away whether it has a Node object', async () => {
    nodeExists = false;
    assert.equal((await sweep({ node: 'gone' })).state, 'node-gone');
  });

  it('hands what a node has seen twice in one sandbox over at once, after one more look there', async () => {
    repairs = true;
    second = () => ({ rows: [{ finding: drift, ageSeconds: 0, outcome: 'found' }], gc: [] });
    const only = { podUid: POD.uid, sandboxId: 's', seen: [drift] };
    const startedAt = performance.now();
    assert.deepEqual(outcomes(await sweep({ only, pauseSeconds: 60 })), ['drift/1 repairing']);
    assert.ok(performance.now() - startedAt < 30_000, 'there is no pause');
    assert.deepEqual(calls, ['act on drift/1 in s', 'repair net1: the link is gone']);
  });

  it('tells the owner of what the node has set right, and looks at nothing', async () => {
    const restored: Finding = {
      ...drift,
      id: 'forwarding/1',
      kind: 'forwarding',
      action: 'report',
      why: '1 was missing',
    };
    assert.deepEqual(outcomes(await sweep({ restored: [restored] })), ['forwarding/1 repaired']);
    assert.deepEqual(calls, ['restored net1: 1 was missing (forwarding/1)']);
  });

  it('is begun once for what a node finds again and again', async () => {
    calls.length = 0;
    first = sees();
    await Promise.all([1, 2, 3].map(() => startSweep(client, { node: 'n1', pauseSeconds: 1 })));
    await client.workflow.getHandle(sweepId('n1')).result();
    assert.deepEqual(calls, ['look']);
  });
});
