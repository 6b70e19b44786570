/** `podwire retry NAMESPACE/POD` as a person runs it, against a real Temporal and a real etcd without orchestrators: what it signals stays open. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { RunResult } from '../../adapters/process/child.ts';
import { run } from '../../adapters/process/run.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { RETRY_NOW } from '../../domain/messages.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import { startEtcd, type EtcdServer } from '../etcd/etcd-server.ts';
import { startDevServer, type DevServer } from './dev-server.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

describe('podwire retry', () => {
  let server: DevServer;
  let etcdServer: EtcdServer;
  let temporal: TemporalClient;
  let etcd: Etcd;
  before(async () => {
    [server, etcdServer] = await Promise.all([startDevServer(), startEtcd()]);
    temporal = connectClient({ address: server.address, namespace: 'default' });
    etcd = createEtcd({ endpoints: [etcdServer.endpoint], timeoutMs: 5_000 });
    await createRecordStore(etcd).putConverged('u1', {
      ...{ v: RECORD_VERSION, namespace: 'shop', name: 'refused', node: 'n1', inputsHash: 'x' },
      sandboxId: 's',
    });
  });
  after(async () => {
    etcd.close();
    await Promise.all([temporal.close(), etcdServer.stop()]);
    await server.stop();
  });

  const retry = (pod: string, etcdEndpoint = etcdServer.endpoint): Promise<RunResult> =>
    run({
      file: process.execPath,
      args: ['--import', import.meta.resolve('tsx'), MAIN, 'retry', pod],
      env: { PATH: '/usr/bin:/bin', TEMPORAL_ADDRESS: server.address, PODWIRE_ETCD_ENDPOINTS: etcdEndpoint },
      timeoutMs: 60_000,
    });
  const signals = async (): Promise<string[]> => {
    const { events } = await temporal.client.workflow.getHandle('pod/shop/refused/u1').fetchHistory();
    return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
  };

  it('starts a run for a pod that was refused and has none, signals it the next time, and says so', async () => {
    const first = await retry('shop/refused');
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, 'retryNow → shop/refused (pod/shop/refused/u1), a new run: it had no open one\n');
    assert.deepEqual(await signals(), [RETRY_NOW]);

    const second = await retry('shop/refused');
    assert.equal(second.code, 0, second.stderr);
    assert.equal(second.stdout, 'retryNow → shop/refused (pod/shop/refused/u1)\n');
    assert.deepEqual(await signals(), [RETRY_NOW, RETRY_NOW]);
  });

  it('signals an open run also while etcd does not answer, and says that it does not', async () => {
    const before = (await signals()).length;
    const { code, stdout, stderr } = await retry('shop/refused', '127.0.0.1:1');
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'retryNow → shop/refused (pod/shop/refused/u1)\n');
    assert.match(stderr, /^podwire: .*etcd/);
    assert.equal((await signals()).length, before + 1);
  });

  it('starts nothing for a pod that nobody knows of, exits with 1, and says how to find it', async () => {
    const { code, stdout, stderr } = await retry('shop/nobody');
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^podwire: shop\/nobody has no open run, and podwire's etcd has nothing of it; .*--kubeconfig/,
    );
  });
});
