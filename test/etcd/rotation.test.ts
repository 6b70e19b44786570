/** podwire's client on a real etcd that wants certificates, a user and a password, while all of them change. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import { PodwireError } from '../../domain/failures.ts';
import { Authority, MountedSecret } from '../tls/authority.ts';
import { untilAsked } from '../workflows/limits.ts';
import { requireLogin, startEtcd, type EtcdServer } from './etcd-server.ts';

let dir: string;
let server: EtcdServer;
let secret: MountedSecret;
let old: { ca: string; pair: { cert: string; key: string } };
let next: typeof old;
const lines: { why?: string; message: string }[] = [];
const log = {
  info: (facts: object, message: string) => void lines.push({ ...facts, message }),
  warn: (facts: object, message: string) => void lines.push({ ...facts, message }),
};

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-test-tls-'));
  const [a, b] = [await Authority.create(dir, 'old'), await Authority.create(dir, 'new')];
  old = { ca: a.certFile, pair: await a.issue('client') };
  next = { ca: b.certFile, pair: await b.issue('client') };
  secret = new MountedSecret(join(dir, 'etcd-tls'));
  secret.write(old);
  server = await startEtcd([], { ca: old.ca, ...old.pair });
  const admin = new Etcd3({
    hosts: server.endpoint,
    credentials: {
      rootCertificate: readFileSync(old.ca),
      certChain: readFileSync(old.pair.cert),
      privateKey: readFileSync(old.pair.key),
    },
  });
  await requireLogin(admin, 'first');
});
after(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

test('new certificates and a new password are taken up while calls go on; the old ones are refused from then on', async () => {
  const { caFile, certFile, keyFile } = secret;
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, 'first\n');
  const credentials = new RotatingCredentials(log, 100);
  const options = { endpoints: [server.endpoint], timeoutMs: 2_000, tls: { caFile, certFile, keyFile } };
  const etcd = createEtcd({ ...options, auth: { username: 'root', passwordFile } }, credentials);
  const put = (key: string) => etcd.transact([], [{ put: key, value: 'x' }]).then(() => true);
  const stop = new AbortController();
  const done: string[] = [];
  const failed: { code?: string }[] = [];
  // As the activities do: each write is repeated until it is made.
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      const key = `/w/${n}`;
      while (!(await put(key).catch((error: unknown) => void failed.push(error as PodwireError)))) await sleep(50);
      done.push(key);
      await sleep(10);
    }
  })();
  await untilAsked('writes', async () => done.length > 5);
  assert.deepEqual(failed, [], 'nothing fails while nothing changes');

  await server.restart({ ca: next.ca, ...next.pair });
  secret.write(next);
  const sofar = done.length;
  await untilAsked('writes with the new certificates', async () => done.length > sofar + 20, 10_000);
  assert.ok(failed.every(({ code }) => code === 'EtcdUnavailable'));
  assert.ok(lines.some(({ message }) => message === 'new credentials are used from now on'));

  const stale = createEtcd({
    ...options,
    tls: { caFile: next.ca, certFile: old.pair.cert, keyFile: old.pair.key },
    auth: { username: 'root', password: 'first' },
  });
  await assert.rejects(stale.get('/w/0'), PodwireError);
  stale.close();

  const admin = createEtcdAdmin();
  await admin.user('root').setPassword('second');
  admin.close();
  writeFileSync(passwordFile, 'second\n');
  await untilAsked('the new password', async () => lines.filter(({ message }) => message.startsWith('new')).length > 1);
  const afterwards = done.length;
  const failures = failed.length;
  await untilAsked('writes with the new password', async () => done.length > afterwards + 20, 10_000);
  stop.abort();
  await writing;
  assert.deepEqual(failed.slice(failures), [], 'no call fails because of another password');
  assert.deepEqual((await etcd.keys('/w/')).length, done.length);
  etcd.close();
  credentials.stop();
});

function createEtcdAdmin(): Etcd3 {
  return new Etcd3({
    hosts: server.endpoint,
    credentials: {
      rootCertificate: readFileSync(next.ca),
      certChain: readFileSync(next.pair.cert),
      privateKey: readFileSync(next.pair.key),
    },
    auth: { username: 'root', password: 'first' },
  });
}
