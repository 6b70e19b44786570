/** What the reflection stands on goes away, loses its data or goes back in time during a hundred changes: afterwards both sides say the same. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../../deploy/lab/commands.ts';
import { startPodwireEtcd } from '../../deploy/lab/etcd.ts';
import { kubectl, restartPart, stopPart } from '../../deploy/lab/lab.ts';
import { labLayout, PORTS } from '../../deploy/lab/layout.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../domain/reflect/settings.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { labTest } from '../lab/harness.ts';
import { hundredChanges, Reflected, service, TREE } from '../lab/reflected.ts';

const ETCD = 'podwire-etcd';
const LIMIT_MS = 90_000;
/** Longer than the limit of a call and the first pauses. */
const AWAY_MS = 8_000;
/** Spreads the compactions over the seconds that a hundred changes take; back to back, all of them would come before the first. */
const BETWEEN_COMPACTIONS_MS = 500;

describe('outages under the reflection', () => {
  const context = labTest('reflect-outage');
  const { namespace } = context;
  let reflected: Reflected;
  let round = 0;
  const changes = (): Promise<void> => hundredChanges(context.lab, namespace, (round += 1));
  const etcdctl = (...args: string[]): Promise<string> =>
    must(context.lab.binaries.etcdctl, [`--endpoints=${context.lab.etcd.host}`, ...args], {
      env: { ETCDCTL_API: '3' },
    });
  const dataDir = (): string => join(context.lab.dir, ETCD);

  before(async () => {
    reflected = new Reflected(context.lab);
    await reflected.start();
    await reflected.synced();
    await hundredChanges(context.lab, namespace, 0);
    await reflected.noDifferences();
  });
  after(() => reflected.close());

  test('etcd is down during a hundred changes', async () => {
    await stopPart(context.lab, ETCD, 'SIGKILL');
    await changes();
    await sleep(AWAY_MS);
    await startPodwireEtcd(labLayout(context.lab.name));
    await reflected.noDifferences(LIMIT_MS);
  });

  test('etcd is wiped', async () => {
    await stopPart(context.lab, ETCD, 'SIGKILL');
    rmSync(dataDir(), { recursive: true });
    await startPodwireEtcd(labLayout(context.lab.name));
    await changes();
    await reflected.noDifferences(LIMIT_MS);
    await reflected.synced();
  });

  test('etcd is restored from an old snapshot', async () => {
    const snapshot = join(context.lab.dir, 'old-snapshot.db');
    await etcdctl('snapshot', 'save', snapshot);
    await changes();
    await reflected.noDifferences(LIMIT_MS);
    await stopPart(context.lab, ETCD, 'SIGKILL');
    rmSync(dataDir(), { recursive: true });
    const peer = `http://127.0.0.1:${PORTS.podwireEtcdPeer}`;
    await etcdctl(
      ...['snapshot', 'restore', snapshot, '--data-dir', dataDir(), '--name', ETCD],
      ...['--initial-cluster', `${ETCD}=${peer}`, '--initial-advertise-peer-urls', peer],
    );
    rmSync(snapshot);
    await startPodwireEtcd(labLayout(context.lab.name));
    await reflected.noDifferences(LIMIT_MS);
  });

  test('others compact and defragment etcd in the middle of changes', async () => {
    const running = changes();
    for (let i = 0; i < 5; i += 1) {
      // One revision at least since the last time, or there is nothing to compact.
      await etcdctl('put', '/somebody-else', String(i));
      const status = JSON.parse(await etcdctl('endpoint', 'status', '-w', 'json')) as {
        Status: { header: { revision: number } };
      }[];
      await etcdctl('compact', '--physical', String(status[0]?.Status.header.revision));
      await sleep(BETWEEN_COMPACTIONS_MS);
    }
    await etcdctl('defrag');
    await etcdctl('del', '/somebody-else');
    await running;
    await reflected.noDifferences(LIMIT_MS);
  });

  test('the API server is restarted in the middle of changes', async () => {
    await kubectl(context.lab, ['apply', '-f', '-'], { input: JSON.stringify(service(namespace, 'before', 1)) });
    await stopPart(context.lab, 'kube-apiserver', 'SIGKILL');
    await sleep(AWAY_MS);
    await restartPart(context.lab, 'kube-apiserver');
    await waitFor('the API server', () => kubectl(context.lab, ['get', '--raw', '/readyz']), { limitMs: 60_000 });
    await changes();
    await reflected.noDifferences(LIMIT_MS);
    assert.match((await reflected.value(`${TREE}service/before/namespace/${namespace}`)) ?? '', /"port":81/);
  });

  test('a marker that somebody removes brings a resync', async () => {
    const key = markerKey('service', DEFAULT_REFLECT_SETTINGS);
    const victim = `${TREE}service/before/namespace/${namespace}`;
    await etcdctl('del', victim);
    await etcdctl('del', key);
    await reflected.becomes(victim, (value) => value !== undefined, LIMIT_MS);
    await reflected.synced();
  });
});
