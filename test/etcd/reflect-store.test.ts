/** The reflection's etcd for real, and beside it the one in memory that other tests use: both must behave the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Etcd3 } from 'etcd3';
import { resync } from '../../activities/reflect/resync.ts';
import { openReflectStore } from '../../adapters/reflect/reflect-store.ts';
import { parseEtcdConf } from '../../config/reflect/etcd-conf.ts';
import { must } from '../../deploy/lab/commands.ts';
import type { PodwireError } from '../../domain/failures.ts';
import type { ReflectStore, StoreChange } from '../../domain/ports/reflect-store.ts';
import { lossOf, ReflectMonitor } from '../../watcher/reflect/reflect-monitor.ts';
import { fakeReflectDeps, FakeReflectCluster, MemoryReflectStore } from '../fakes/reflect-parts.ts';
import { freePort } from '../workflows/free-port.ts';
import { promised, until, untilAsked, within } from '../workflows/limits.ts';
import { requireLogin, startEtcd, startEtcdCluster, type EtcdServer, type TlsFiles } from './etcd-server.ts';

const value = Buffer.from('{}');
const add = (key: string): StoreChange => ({ key, value, was: undefined });
const unavailable = (pattern: RegExp) => (error: PodwireError) =>
  error.code === 'EtcdUnavailable' && pattern.test(error.message);

describe('the store of reflected state', () => {
  let server: EtcdServer;
  let real: ReflectStore & { close(): void };
  before(async () => {
    server = await startEtcd();
    real = openReflectStore({ endpoints: [server.endpoint], timeoutMs: 5_000 });
  });
  after(async () => {
    real.close();
    await server.stop();
  });

  for (const [name, storeOf] of [
    ['etcd', () => real],
    ['memory', () => new MemoryReflectStore()],
  ] as const) {
    it(`${name}: a write is made only when every key is as it was read`, async () => {
      const store = storeOf();
      assert.equal(await store.write([add('/a/1'), add('/a/2')]), true);
      assert.equal(await store.write([add('/a/2'), add('/a/3')]), false);
      const read = await store.read(['/a/1', '/a/3']);
      assert.deepEqual([...read.keys()], ['/a/1']);
      const was = read.get('/a/1')?.modRevision;
      assert.equal(await store.write([{ key: '/a/1', value: Buffer.from('2'), was }]), true);
      assert.equal(await store.write([{ key: '/a/1', value: undefined, was }]), false);
      const now = (await store.read(['/a/1'])).get('/a/1');
      assert.equal(Buffer.from(now?.value ?? []).toString(), '2');
      assert.equal(await store.write([{ key: '/a/1', value: undefined, was: now?.modRevision }]), true);
      assert.deepEqual([...(await store.look(['/a/1', '/a/2'])).modRevisions.keys()], ['/a/2']);
    });

    it(`${name}: a tree goes with the key that gives the right to remove it, and never without`, async () => {
      const store = storeOf();
      await store.write([add('/id'), add('/agent/n/1'), add('/agent/n/2'), add('/agent/nn/1')]);
      const { modRevision = '' } = (await store.read(['/id'])).get('/id') ?? {};
      assert.equal(await store.removeTree('/agent/n/', { key: '/id', modRevision: '1' }), false);
      assert.equal(await store.removeTree('/agent/n/', { key: '/id', modRevision }), true);
      assert.deepEqual([...(await store.read(['/id', '/agent/n/1', '/agent/nn/1'])).keys()], ['/agent/nn/1']);
    });
  }

  it('128 writes fit one transaction; 3,000 keys are listed while others compact to the present', async () => {
    const cluster = new FakeReflectCluster();
    for (let i = 0; i < 3_000; i += 1) cluster.put('namespace', `ns${i}`);
    const deps = fakeReflectDeps(cluster, real);
    const pass = () =>
      resync(deps, { source: 'namespace', reason: 'test' }, () => undefined, new AbortController().signal);
    assert.equal((await pass()).added, 3_000);
    const other = new Etcd3({ hosts: server.endpoint });
    let seen = 0;
    for await (const page of real.pages('/vnf-agent/contiv-ksr/k8s/namespace/')) {
      seen += page.length;
      await other.put('/other').value(String(seen));
      const { header } = await other.get('/other').exec();
      await other.kv.compact({ revision: header.revision, physical: true });
    }
    other.close();
    assert.equal(seen, 3_000);
    assert.deepEqual(await pass(), { added: 0, updated: 0, deleted: 0 });
  });

  it('an etcd that hangs fails in time, and one of several endpoints that is dead is passed over', async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const several = openReflectStore({ endpoints: [dead, server.endpoint, dead], timeoutMs: 2_000 });
    for (let i = 0; i < 12; i += 1) await several.look(['/a/2']);
    several.close();
    const impatient = openReflectStore({ endpoints: [server.endpoint], timeoutMs: 400 });
    await impatient.look([]);
    server.freeze();
    const startedAt = performance.now();
    await assert.rejects(impatient.write([add('/frozen')]), unavailable(/write/));
    assert.ok(performance.now() - startedAt < promised(1_000));
    server.thaw();
    impatient.close();
  });

  it('an etcd that lost its data, or is another one, is noticed', async () => {
    const other = await startEtcd();
    const first = await real.look(['/a/2']);
    const elsewhere = openReflectStore({ endpoints: [other.endpoint], timeoutMs: 2_000 });
    assert.equal(lossOf(first, await real.look(['/a/2'])), undefined);
    assert.match(lossOf(first, await elsewhere.look(['/a/2'])) ?? '', /another cluster|went back/);
    elsewhere.close();
    await other.stop();

    const reasons: string[] = [];
    const monitor = new ReflectMonitor({
      ...{ store: real, keys: ['/a/2'], intervalMs: 50 },
      onLost: (reason) => reasons.push(reason),
      onFailed: () => undefined,
    });
    monitor.start();
    await until('etcd was seen', () => monitor.problem === undefined);
    await real.write([{ key: '/a/2', value: undefined, was: first.modRevisions.get('/a/2') }]);
    await until('the loss is told', () => reasons.length > 0);
    assert.match(reasons[0] ?? '', /lost \/a\/2/);
    await monitor.stop();
  });
});

describe('an etcd that refuses', () => {
  it('says NOSPACE and what to do, and still reads', async () => {
    const small = await startEtcd(['--quota-backend-bytes=4194304']);
    const store = openReflectStore({ endpoints: [small.endpoint], timeoutMs: 5_000 });
    await store.write([add('/first')]);
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 32; i += 1)
        await store.write([{ key: `/big/${i}`, value: Buffer.alloc(500_000), was: undefined }]);
    };
    await assert.rejects(fill(), unavailable(/NOSPACE.*alarm disarm/));
    assert.equal((await store.read(['/first'])).size, 1);
    store.close();
    await small.stop();
  });

  it('wants user and password', async () => {
    const closed = await startEtcd();
    const admin = new Etcd3({ hosts: closed.endpoint });
    await requireLogin(admin, 'secret');
    const stranger = openReflectStore({ endpoints: [closed.endpoint], timeoutMs: 2_000 });
    await assert.rejects(stranger.write([add('/a')]), unavailable(/user name and password/));
    stranger.close();
    const auth = { username: 'root', password: 'secret' };
    const known = openReflectStore({ endpoints: [closed.endpoint], timeoutMs: 2_000, auth });
    assert.equal(await known.write([add('/a')]), true);
    known.close();
    await closed.stop();
  });

  it('wants TLS and a certificate: with those of etcd.conf it is used, without them it says so', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'podwire-test-tls-'));
    const tls = await makeCertificate(dir);
    const server = await startEtcd([], tls);
    try {
      const lines = [`endpoints: ["${server.endpoint}"]`, `cert-file: ${tls.cert}`, `key-file: ${tls.key}`];
      const text = [...lines, `ca-file: ${tls.ca}`, 'insecure-transport: false', ''].join('\n');
      const { endpoints, operationTimeoutMs: timeoutMs, tls: files } = parseEtcdConf('etcd.conf', text).value;
      assert.ok(files !== undefined);
      const known = openReflectStore({ endpoints, timeoutMs, tls: files });
      assert.equal(await known.write([add('/tls')]), true);
      assert.equal((await known.read(['/tls'])).size, 1);
      known.close();
      const bare = openReflectStore({
        endpoints: [server.endpoint],
        timeoutMs: 2_000,
        tls: { caFile: tls.ca },
      });
      await assert.rejects(bare.read(['/tls']), (error: PodwireError) => error.code === 'EtcdUnavailable');
      bare.close();
    } finally {
      await server.stop();
      rmSync(dir, { recursive: true });
    }
  });
});

describe('a cluster of three members', () => {
  it('is used while two of them answer, fails in time without a quorum, and takes what is written when it has one again', async () => {
    const members = await startEtcdCluster();
    const endpoints = members.map(({ endpoint }) => endpoint);
    const store = openReflectStore({ endpoints, timeoutMs: 2_000 });
    try {
      assert.equal(await store.write([add('/q/1')]), true);
      const [a, b] = members as [EtcdServer, EtcdServer];
      a.freeze();
      await untilAsked('a write with two members', () => store.write([add('/q/2')]).catch(() => false), 20_000);
      b.freeze();
      const failing = store.write([add('/q/3')]);
      await assert.rejects(within('an answer without a quorum', failing, promised(10_000)), unavailable(/./));
      a.thaw();
      b.thaw();
      const written = async (): Promise<boolean> => {
        const done = await store.write([add('/q/3')]).catch(() => false);
        // The write that was given up may have been made all the same.
        return done || (await store.read(['/q/3']).catch(() => new Map())).size === 1;
      };
      await untilAsked('a write with a quorum again', written, 30_000);
      assert.deepEqual([...(await store.read(['/q/1', '/q/2', '/q/3'])).keys()].sort(), ['/q/1', '/q/2', '/q/3']);
    } finally {
      store.close();
      await Promise.all(members.map((member) => member.stop()));
    }
  });
});

/** A certificate that is its own authority, for 127.0.0.1. */
async function makeCertificate(dir: string): Promise<TlsFiles> {
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=podwire-test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await must('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert]);
  return { ca: cert, cert, key };
}
