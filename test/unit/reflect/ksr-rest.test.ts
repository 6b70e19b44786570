import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ksrRoutes } from '../../../adapters/reflect/ksr-rest.ts';
import { route } from '../../../adapters/http/routes.ts';
import { startWebServer, type WebServer, type WebServerOptions } from '../../../adapters/http/web-server.ts';
import { LoggerRegistry } from '../../../adapters/log/logger-registry.ts';
import { AgentStatusRecord, type PartState } from '../../../domain/reflect/agent-status.ts';
import { KSR_LOGGERS } from '../../../domain/reflect/log-levels.ts';
import { testCertificates } from './ksr-certificates.ts';

const OK: readonly PartState[] = [
  { name: 'etcd', state: 'ok', restartHelps: false },
  { name: 'ksr', state: 'ok', restartHelps: true },
];
let parts: readonly PartState[] = OK;
let lines: string[] = [];
let loggers: LoggerRegistry;
let server: WebServer;

async function serve(options: Partial<WebServerOptions> = {}): Promise<WebServer> {
  const root = pino({ level: 'trace', base: {} }, { write: (line: string) => void lines.push(line) });
  loggers = new LoggerRegistry(root, 'info');
  for (const name of KSR_LOGGERS) loggers.logger(name);
  const record = new AgentStatusRecord({ version: '1.2.3', date: '', commit: 'abc' }, 1_000);
  const routes = ksrRoutes({
    loggers,
    parts: () => parts,
    status: (now) => record.status(now, 2_000),
    stats: new Registry(),
    health: new Registry(),
    metrics: new Registry(),
    onLevel: () => undefined,
    checks: () => [],
    startReasons: () => [],
  });
  return await startWebServer({ bindAddress: '127.0.0.1:0', handle: (request) => route(routes, request), ...options });
}

before(async () => {
  server = await serve();
});
beforeEach(() => {
  parts = OK;
  lines = [];
});
after(() => server.stop());

async function ask(path: string, method = 'GET', headers: Record<string, string> = {}) {
  const response = await fetch(`http://${server.address}${path}`, { method, headers });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

test('both probes are 200 with the status as JSON while all is well', async () => {
  for (const path of ['/liveness', '/readiness', '/readiness?x=1']) {
    const { status, body } = await ask(path);
    assert.equal(status, 200, path);
    assert.deepEqual(JSON.parse(body), {
      build_version: '1.2.3',
      state: 1,
      start_time: 1_000,
      last_change: 2_000,
      last_update: 2_000,
      commit_hash: 'abc',
      plugins: [
        { name: 'etcd', state: 1, last_change: 2_000, last_update: 2_000 },
        { name: 'ksr', state: 1, last_change: 2_000, last_update: 2_000 },
      ],
    });
  }
});

test('what begins is alive and not ready; what failed is not ready, with the reason, and dead only if a restart could help', async () => {
  parts = [{ name: 'ksr-pod', state: 'init', restartHelps: false }];
  assert.equal((await ask('/liveness')).status, 200);
  const { status, body } = await ask('/readiness');
  assert.equal(status, 500);
  assert.equal((JSON.parse(body) as { state: number }).state, 0);
  parts = [{ name: 'etcd', state: 'error', error: 'etcd did not answer', restartHelps: false }];
  assert.equal((await ask('/liveness')).status, 200);
  const failed = await ask('/readiness');
  assert.equal(failed.status, 500);
  assert.match(failed.body, /"state":2.*"name":"etcd","state":2,.*"error":"etcd did not answer"/);
  parts = [{ name: 'ksr', state: 'error', error: 'the worker ended', restartHelps: true }];
  assert.equal((await ask('/liveness')).status, 500);
});

test('the loggers are listed with their levels, as indented JSON', async () => {
  const { status, type, body } = await ask('/log/list');
  assert.equal(status, 200);
  assert.equal(type, 'application/json; charset=UTF-8');
  const list = JSON.parse(body) as { logger: string; level: string }[];
  assert.deepEqual(
    list.map(({ logger }) => logger),
    [...KSR_LOGGERS].sort(),
  );
  assert.ok(body.startsWith('[\n  {\n    "logger": "ksr",\n    "level": "info"\n  },\n'));
});

test('a level that is set holds at once for that logger and no other', async () => {
  const pods = loggers.logger('ksr-pod');
  pods.debug('before');
  const { status, body } = await ask('/log/ksr-pod/debug', 'PUT');
  assert.equal(status, 200);
  assert.equal(body, '{\n  "logger": "ksr-pod",\n  "level": "debug"\n}\n');
  pods.debug('after');
  loggers.logger('ksr-node').debug('another');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { logger: string; msg: string }).msg),
    ['after'],
  );
  assert.ok((await ask('/log/list')).body.includes('"logger": "ksr-pod",\n    "level": "debug"'));
  for (const level of ['warning', 'warn', 'error', 'fatal', 'panic', 'info'])
    assert.equal((await ask(`/log/ksr-pod/${level}`, 'PUT')).status, 200, level);
  assert.equal((await ask('/log/ksr-pod/warning', 'PUT')).body.includes('"level": "warning"'), true);
});

test('the level of a logger that does not exist is remembered for when it does; default is for all to come', async () => {
  assert.equal((await ask('/log/later%20one/error', 'PUT')).status, 200);
  assert.ok(!(await ask('/log/list')).body.includes('later'));
  assert.equal(loggers.logger('later one').level, 'error');
  assert.equal((await ask('/log/default/debug', 'PUT')).status, 200);
  assert.equal(loggers.logger('newest').level, 'debug');
});

test('a level that is none is a plain 404; so is any other path; another method is 405', async () => {
  for (const [path, method] of [
    ['/log/ksr/loud', 'PUT'],
    ['/log/ksr/DEBUG', 'PUT'],
    ['/log/ksr', 'PUT'],
    ['/log/a/b/info', 'PUT'],
    ['/log/%zz/info', 'PUT'],
    ['/nowhere', 'GET'],
    ['/', 'GET'],
  ] as const) {
    assert.deepEqual(
      await ask(path, method),
      { status: 404, type: 'text/plain; charset=utf-8', body: '404 page not found\n' },
      path,
    );
  }
  assert.equal((await ask('/readiness', 'POST')).status, 405);
  assert.equal((await ask('/log/ksr/info', 'GET')).status, 405);
});

test('no number of made-up loggers fills the memory: beyond a thousand the answer is 404 with the reason', async () => {
  const small = new LoggerRegistry(pino({ enabled: false }), 'info');
  for (let n = 0; n < 1_000; n += 1) small.setLevel(`l${n}`, 'info');
  assert.throws(() => small.setLevel('one more', 'info'), RangeError);
  small.setLevel('l1', 'debug');
  const { status, body } = await ask(`/log/${'x'.repeat(200)}/info`, 'PUT');
  assert.equal(status, 404);
  assert.match(body, /^\{\n {2}"Error": "a logger's name has 1 to 128 characters"\n\}/);
});

test('with users, nobody else is answered', async () => {
  const closed = await serve({ users: [{ name: 'me', password: 'pa:ss' }] });
  const status = async (credentials?: string): Promise<number> => {
    const headers =
      credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
    return (await fetch(`http://${closed.address}/readiness`, { headers })).status;
  };
  try {
    assert.equal(await status(), 401);
    assert.equal(await status('me:wrong'), 401);
    assert.equal(await status('you:pa:ss'), 401);
    assert.equal(await status('me:pa:ss'), 200);
  } finally {
    await closed.stop();
  }
});

test('with a certificate it is HTTPS; with client CAs only their clients are served', async () => {
  const certificates = await testCertificates();
  const { server: own, client, ca } = certificates;
  const closed = await serve({ tls: { ...own, clientCas: [ca] } });
  const get = (options: { cert?: Buffer; key?: Buffer }): Promise<number | undefined> => {
    const [host, port] = closed.address.split(':');
    return new Promise((resolve, reject) => {
      httpsRequest(
        { host, port, path: '/readiness', ca, servername: 'localhost', agent: false, ...options },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end();
    });
  };
  try {
    assert.equal(await get(client), 200);
    await assert.rejects(get({}));
    await assert.rejects(fetch(`http://${closed.address}/readiness`));
  } finally {
    await closed.stop();
    certificates.remove();
  }
});

test('a client that never ends its request is let go, and the server stops in spite of open connections', async () => {
  const strict = await serve({ limits: { requestMs: 200, headersMs: 200, headerBytes: 1_024 } });
  const [host, port] = strict.address.split(':');
  const socket = connect({ host, port: Number(port) });
  socket.write('GET /readiness HTTP/1.1\r\nhost: x\r\n');
  const long = await fetch(`http://${strict.address}/readiness`, { headers: { x: 'y'.repeat(4_096) } });
  assert.equal(long.status, 431);
  const begun = performance.now();
  await strict.stop();
  assert.ok(performance.now() - begun < 5_000);
  socket.destroy();
});

const routesOf = () =>
  ksrRoutes({
    loggers,
    parts: () => parts,
    status: () => assert.fail('nobody asked'),
    ...{ stats: new Registry(), health: new Registry(), metrics: new Registry() },
    ...{ onLevel: () => undefined, checks: () => [], startReasons: () => [] },
  });
const at = (localAddress: string, method: string, url: string): IncomingMessage =>
  ({ method, url, socket: { localAddress } }) as unknown as IncomingMessage;

test('what changes something is done for who comes over the loopback interface, unless clients have to say who they are', async () => {
  const put = (address: string, writes?: 'anywhere') =>
    route(routesOf(), at(address, 'PUT', '/log/ksr-pod/debug'), writes);
  for (const address of ['127.0.0.1', '127.0.0.53', '::1', '::ffff:127.0.0.1'])
    assert.equal((await put(address)).status, 200, address);
  for (const address of ['10.244.1.7', 'fd00::7', '::ffff:10.244.1.7', '127.evil', '']) {
    const { status, body } = await put(address);
    assert.equal(status, 403, address);
    assert.match(body, /client-basic-auth/);
    assert.equal((await put(address, 'anywhere')).status, 200, address);
    assert.equal((await route(routesOf(), at(address, 'GET', '/log/list'))).status, 200);
  }
});
