/** Who podwire is to the API, by what a kubeconfig says: a real HTTP server that looks at each request's Authorization. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { createKubeClient, type KubeClient } from '../../../adapters/kubernetes/client.ts';
import { loadConfig } from '../../../adapters/kubernetes/kube-config.ts';

let server: Server;
let port = 0;
let dir = '';
let seen: (string | undefined)[] = [];
/** Tokens that the API refuses. */
let refused: readonly string[] = [];
const clients: KubeClient[] = [];

before(async () => {
  server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    const status = refused.includes(request.headers.authorization ?? '') ? 401 : 200;
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  ({ port } = address);
});
after(() => server.close());
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-kube-'));
  seen = [];
  refused = [];
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  rmSync(dir, { recursive: true });
});

function kubeconfig(user: object, name = 'config', more: object = {}): string {
  const path = join(dir, name);
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    ...more,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

function clientOf(path: string): KubeClient {
  const client = createKubeClient({ kubeconfig: path, deadlineMs: 5_000 });
  clients.push(client);
  return client;
}

const get = async (client: KubeClient): Promise<number> =>
  (await client.call({ method: 'GET', path: '/version' })).status;

describe('a kubeconfig with tokenFile', () => {
  it('is found beside the kubeconfig, without white space, and read again when it changes', async () => {
    writeFileSync(join(dir, 'token'), 'one\n');
    const client = clientOf(kubeconfig({ tokenFile: 'token' }));
    await get(client);
    writeFileSync(join(dir, 'token'), 'two\n');
    await get(client);
    assert.deepEqual(seen, ['Bearer one', 'Bearer two']);
  });

  it('counts more than a token, as with kubectl', async () => {
    writeFileSync(join(dir, 'token'), 'of the file');
    await get(clientOf(kubeconfig({ token: 'written', tokenFile: join(dir, 'token') })));
    assert.deepEqual(seen, ['Bearer of the file']);
  });

  it('that is not there is an API that cannot be reached, with the file named', async () => {
    const client = clientOf(kubeconfig({ tokenFile: 'gone' }));
    await assert.rejects(get(client), { code: 'ApiUnavailable', message: /gone/ });
  });
});

describe('a kubeconfig with an exec plugin', () => {
  /** Prints a token with the number of its run, and what `status` says beside it. */
  function plugin(status = '', body = ''): string {
    const path = join(dir, 'plugin');
    const answer = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"run-%s"${status}}}`;
    writeFileSync(
      path,
      `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >> ${dir}/runs\n${body}\nprintf '${answer}' "$(wc -l < ${dir}/runs | tr -d ' ')"\n`,
    );
    chmodSync(path, 0o755);
    return kubeconfig({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin', args: ['x'] } });
  }
  const runs = (): string[] => readFileSync(join(dir, 'runs'), 'utf8').trim().split('\n');

  it('is run once where it names no end, also for calls at once, and is told which version it is asked in', async () => {
    const client = clientOf(plugin());
    await Promise.all([get(client), get(client), get(client)]);
    await get(client);
    assert.deepEqual([...new Set(seen)], ['Bearer run-1']);
    assert.equal(runs().length, 1);
    const info = JSON.parse(runs()[0] ?? '') as { apiVersion: string; kind: string; spec: unknown };
    assert.deepEqual([info.apiVersion, info.kind], ['client.authentication.k8s.io/v1', 'ExecCredential']);
    assert.deepEqual(info.spec, { interactive: false });
  });

  it('is run again before its credential ends', async () => {
    const at = (seconds: number): string =>
      `,"expirationTimestamp":"${new Date(Date.now() + seconds * 1_000).toISOString()}"`;
    const client = clientOf(plugin(at(3_600)));
    await get(client);
    await get(client);
    assert.equal(runs().length, 1);
    rmSync(join(dir, 'runs'));
    const ending = clientOf(plugin(at(2)));
    await get(ending);
    await get(ending);
    assert.equal(runs().length, 2, 'what ends within seconds may end on its way');
  });

  it('is run again when the API refuses its credential, and the call is made once more', async () => {
    refused = ['Bearer run-1'];
    const client = clientOf(plugin());
    assert.equal(await get(client), 200);
    assert.deepEqual(seen, ['Bearer run-1', 'Bearer run-2']);
    refused = ['Bearer run-1', 'Bearer run-2', 'Bearer run-3'];
    assert.equal(await get(client), 401, 'not for ever');
    assert.deepEqual(seen.slice(2), ['Bearer run-2', 'Bearer run-3']);
  });

  it('that fails or hangs is an API that cannot be reached, with its words, within the limit of the call', async () => {
    const failing = clientOf(plugin('', 'echo log in first >&2; exit 1'));
    await assert.rejects(get(failing), { code: 'ApiUnavailable', message: /plugin.*log in first/ });
    const hanging = createKubeClient({ kubeconfig: plugin('', 'exec sleep 60'), deadlineMs: 300 });
    clients.push(hanging);
    const startedAt = performance.now();
    await assert.rejects(get(hanging), { code: 'ApiUnavailable', message: /within 300 ms/ });
    assert.ok(performance.now() - startedAt < 3_000);
  });
});

describe('a list of kubeconfigs', () => {
  it('is one: the first that says something counts, files that are not there are passed over', async () => {
    const first = kubeconfig({ token: 'first' }, 'first', { clusters: [] });
    const second = kubeconfig({ token: 'second' }, 'second', { 'current-context': 'other' });
    await get(clientOf([join(dir, 'gone'), first, second].join(delimiter)));
    assert.deepEqual(seen, ['Bearer first']);
  });

  it('of which none is there is said, as is that this is no pod', () => {
    assert.throws(() => loadConfig(join(dir, 'gone')), { name: 'KubeConfigError', message: /gone.*--kubeconfig/s });
    appendFileSync(join(dir, 'broken'), '{');
    assert.throws(() => loadConfig(join(dir, 'broken')), { name: 'KubeConfigError', message: /broken/ });
    const host = process.env['KUBERNETES_SERVICE_HOST'];
    delete process.env['KUBERNETES_SERVICE_HOST'];
    try {
      assert.throws(() => loadConfig(undefined), { name: 'KubeConfigError', message: /no pod.*PODWIRE_KUBECONFIG/ });
    } finally {
      if (host !== undefined) process.env['KUBERNETES_SERVICE_HOST'] = host;
    }
  });
});
