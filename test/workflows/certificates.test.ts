/** Runs, a client and workers over mTLS, while the certificates of both sides are replaced by those of another authority. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectClient, type TemporalClient, type TemporalOptions } from '../../adapters/temporal/connection.ts';
import { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import { connectWorker } from '../../workers/native-connection.ts';
import { Authority, MountedSecret } from '../tls/authority.ts';
import { startTemporalFront, type ServerFiles, type TemporalFront } from '../tls/temporal-front.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, untilAsked } from './limits.ts';

let dir: string;
let lab: Harness;
let front: TemporalFront;
let secret: MountedSecret;
let options: TemporalOptions;
let temporal: TemporalClient;
const yes = (): boolean => true;
const no = (): boolean => false;
let credentials: RotatingCredentials;
const generations: { client: ServerFiles; server: ServerFiles }[] = [];

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-test-tls-'));
  for (const name of ['old', 'new']) {
    const authority = await Authority.create(dir, name);
    const of = async (who: string): Promise<ServerFiles> => ({
      ca: authority.certFile,
      pair: await authority.issue(who),
    });
    generations.push({ client: await of('client'), server: await of('server') });
  }
  const [old] = generations;
  assert.ok(old !== undefined);
  secret = new MountedSecret(join(dir, 'temporal-tls'));
  secret.write(old.client);
  const log = createLogger('test', 'error');
  credentials = new RotatingCredentials(log, 100);
  lab = await startHarness(undefined, async (address) => {
    front = await startTemporalFront(address, old.server);
    const { caFile, certFile, keyFile } = secret;
    options = { address: front.address, namespace: 'default', tls: { caFile, certFile, keyFile } };
    temporal = connectClient(options, credentials);
    return {
      temporal,
      connection: await connectWorker(options, log, new AbortController().signal, { credentials }),
    };
  });
});
// The harness complains about workflow tasks that failed.
after(async () => {
  await lab.stop();
  await front.close();
  credentials.stop();
  rmSync(dir, { recursive: true });
});

test('new certificates are taken up without a restart: no step is lost or repeated, and every pod gets its network', async () => {
  const [old, next] = generations;
  assert.ok(old !== undefined && next !== undefined);
  const first = await lab.pod(`red id=${lab.vni()}`);
  await first.converge();

  const slow = await lab.pod(`red id=${lab.vni()}`);
  lab.nodes.script(slow.uid, 'ensureVxlanLink', () => ({ after: 3_000 }));
  await slow.signal();
  await until('the slow step is at work', () => slow.calls.some(({ step }) => step === 'ensureVxlanLink'));

  // The harsher order: the server is first, and cuts what is open.
  front.rotate(next.server);
  await until('the old certificates are refused', () => front.seen.refused > 0);
  secret.write(next.client);
  // The test's own calls are made once; podwire's repeat them.
  await untilAsked('the client is back', () => temporal.probe().then(yes, no));
  const others = await Promise.all(
    [1, 2, 3, 4, 5].map(async (n) => {
      await sleep(n * 150);
      const pod = await lab.pod(`red id=${lab.vni()}`);
      await pod.converge();
      return pod;
    }),
  );
  await slow.ended();

  for (const pod of [first, slow, ...others]) assert.deepEqual(pod.links, ['red']);
  assert.equal(slow.calls.filter(({ step }) => step === 'ensureVxlanLink').length, 1, 'the slow step was done once');
  const { events } = await slow.handle.fetchHistory();
  const attempts = (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) => started?.attempt ?? []);
  assert.ok(
    attempts.every((attempt) => attempt === 1),
    `attempts of the slow pod's activities: ${attempts.join()}`,
  );
  assert.deepEqual([...new Set(front.seen.clients)], ['new-client']);

  const stale = connectClient({
    ...options,
    tls: { caFile: next.client.ca, certFile: old.client.pair.cert, keyFile: old.client.pair.key },
  });
  await assert.rejects(stale.probe(), { code: 'TemporalUnavailable' });
  await stale.close();
});

test('half a pair changes nothing, and is taken up when the other half is there', async () => {
  const [old, next] = generations;
  assert.ok(old !== undefined && next !== undefined);
  secret.write({ ca: old.client.ca, pair: { cert: old.client.pair.cert, key: next.client.pair.key } });
  await sleep(300);
  const pod = await lab.pod(`red id=${lab.vni()}`);
  await pod.converge();
  secret.write(old.client);
  front.rotate(old.server);
  await untilAsked('the client is back', () => temporal.probe().then(yes, no));
  const after = await lab.pod(`red id=${lab.vni()}`);
  await after.converge();
  assert.deepEqual([...new Set(front.seen.clients)], ['old-client']);
});
