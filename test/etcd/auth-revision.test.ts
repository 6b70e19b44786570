/** podwire's client on a real etcd with JSON Web Tokens: each change of users or roles makes all of them void. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Etcd3 } from 'etcd3';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { requireLogin, startEtcd, type EtcdServer } from './etcd-server.ts';

let dir: string;
let server: EtcdServer;
let admin: Etcd3;
const auth = { username: 'root', password: 'first' };
/** A client of its own each time, since its token is void with the change before. */
const asAdmin = async (work: (client: Etcd3) => Promise<unknown>): Promise<void> => {
  const client = new Etcd3({ hosts: server.endpoint, auth });
  await work(client);
  client.close();
};

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-test-jwt-'));
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const [publicKey, privateKey] = [join(dir, 'public.pem'), join(dir, 'private.pem')];
  writeFileSync(publicKey, pair.publicKey);
  writeFileSync(privateKey, pair.privateKey);
  server = await startEtcd([
    '--auth-token',
    `jwt,pub-key=${publicKey},priv-key=${privateKey},sign-method=RS256,ttl=10m`,
  ]);
  admin = new Etcd3({ hosts: server.endpoint });
  await requireLogin(admin, 'first');
});
after(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

test('a token that another user made void is replaced by the call that finds it so, reads and writes alike', async () => {
  const etcd = createEtcd({ endpoints: [server.endpoint], timeoutMs: 2_000, auth });
  try {
    await etcd.transact([], [{ put: '/podwire/a', value: '1' }]);
    await asAdmin((client) => client.user('new').create('x'));
    assert.equal((await etcd.get('/podwire/a'))?.value, '1');
    await asAdmin((client) => client.role('more').create());
    const absent = [{ key: '/podwire/b', is: 'absent' }] as const;
    assert.equal((await etcd.transact(absent, [{ put: '/podwire/b', value: '1' }])).applied, true);
    await asAdmin((client) => client.user('new').delete());
    const at = ['/podwire/a', '/podwire/b'].map((key) => etcd.get(key));
    assert.deepEqual(
      (await Promise.all(at)).map((entry) => entry?.value),
      ['1', '1'],
      'several at once',
    );
  } finally {
    etcd.close();
  }
});

test('a password that is wrong is said, and not tried for ever', async () => {
  const etcd = createEtcd({ endpoints: [server.endpoint], timeoutMs: 2_000, auth: { ...auth, password: 'wrong' } });
  try {
    await assert.rejects(etcd.get('/podwire/a'), { code: 'EtcdUnavailable', message: /authentication failed/ });
  } finally {
    etcd.close();
  }
});
