/** The commands of docs/install.md that need no cluster: against a real etcd with TLS, and a real Temporal server. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { readNodeConfig } from '../../config/node.ts';
import { ensureBinaries, presentBinaries } from '../../deploy/lab/binaries.ts';
import { findProgram, must } from '../../deploy/lab/commands.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/messages.ts';
import { stepsOfPage } from '../docs/install-page.ts';
import { runPage } from '../docs/page-run.ts';
import { startDevServer } from '../workflows/dev-server.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';

const LIMIT_MS = 30_000;

function folder(): { readonly dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-install-page-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** One certificate that is its own authority, for the server and for who calls it. */
async function certificateIn(
  dir: string,
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const [cert, key] = [join(dir, 'admin.crt'), join(dir, 'admin.key')];
  await must('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=etcd', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  cpSync(cert, join(dir, 'ca.crt'));
  return { ca: join(dir, 'ca.crt'), cert, key };
}

describe('the commands of the installation page for etcd', () => {
  const { dir, remove } = folder();
  let server: EtcdServer | undefined;
  let etcd: Etcd | undefined;

  before(async () => {
    server = await startEtcd([], await certificateIn(dir));
  });
  after(async () => {
    etcd?.close();
    await server?.stop();
    remove();
  });

  test('can be run as they stand', async () => {
    assert.ok(server);
    await runPage(stepsOfPage('etcd'), {
      dir,
      programs: { etcdctl: { file: findProgram('etcdctl') ?? '/usr/bin/etcdctl' } },
      replaced: { 'https://etcd.example.org:2379': server.endpoint },
      limitMs: LIMIT_MS,
    });
  });

  test('give podwire a user that can do all of its work and sees nothing else', async () => {
    assert.ok(server);
    const settings = readNodeConfig([], {
      PODWIRE_NODE_NAME: 'n1',
      PODWIRE_ETCD_ENDPOINTS: server.endpoint,
      PODWIRE_ETCD_CA: join(dir, 'ca.crt'),
      PODWIRE_ETCD_CERT: join(dir, 'admin.crt'),
      PODWIRE_ETCD_KEY: join(dir, 'admin.key'),
    });
    etcd = createEtcd({ ...settings.etcd, timeoutMs: 5_000, auth: { username: 'podwire', password: 'change-me' } });
    const key = '/podwire/pods/one';
    assert.equal((await etcd.transact([{ key, is: 'absent' }], [{ put: key, value: '1' }])).applied, true);
    assert.equal((await etcd.transact([], [{ put: `${key}/two`, value: '2' }])).applied, true);
    assert.equal((await etcd.get(key))?.value, '1');
    assert.equal((await etcd.list('/podwire/pods/')).entries.length, 2);
    assert.equal((await etcd.read([{ key }, { prefix: '/podwire/pods/' }]))[1]?.length, 2);
    assert.equal((await etcd.removeAndRead(key, [{ prefix: '/podwire/pods/' }]))[0]?.length, 2);
    assert.deepEqual(await etcd.keys('/podwire/pods/'), [`${key}/two`]);

    await assert.rejects(etcd.get('/registry/secrets'), /permission denied/i);
    await assert.rejects(etcd.list('/'), /permission denied/i);
    await assert.rejects(etcd.transact([], [{ put: '/vnf-agent/x', value: '1' }]), /permission denied/i);
  });
});

describe('the commands of the installation page for Temporal', () => {
  const { dir, remove } = folder();
  after(remove);

  test('make a namespace with all of the search attributes that podwire sets', async () => {
    const temporal = (await presentBinaries()).temporal ?? (await ensureBinaries(silentProgress)).temporal;
    const server = await startDevServer();
    try {
      await runPage(stepsOfPage('temporal'), {
        dir,
        programs: { temporal: { file: temporal, env: { HOME: dir } } },
        replaced: { 'temporal.example.org:7233': server.address },
        limitMs: LIMIT_MS,
      });
      const listed = await must(
        temporal,
        ['operator', 'search-attribute', 'list', '--namespace', 'podwire', '--address', server.address, '-o', 'json'],
        { env: { HOME: dir } },
      );
      const { customAttributes } = JSON.parse(listed) as { customAttributes?: Record<string, string> };
      const wanted = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [
        name,
        `INDEXED_VALUE_TYPE_${type.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}`,
      ]);
      assert.deepEqual(
        wanted.filter(([name = '', type]) => customAttributes?.[name] !== type),
        [],
        listed,
      );
    } finally {
      await server.stop();
    }
  });
});
