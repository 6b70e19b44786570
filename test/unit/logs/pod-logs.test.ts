/** `podwire logs`: from the parts' logs, by the Kubernetes API, to one pod's lines. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { KubeAnswer, KubeClient, KubeRequest } from '../../../adapters/kubernetes/client.ts';
import { gatherLogs } from '../../../cli/logs/gather-logs.ts';
import { logsText } from '../../../cli/render/logs.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { LogLine } from '../../../domain/logs/pod-lines.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { until } from '../../workflows/limits.ts';

const BOUNDS = { sinceSeconds: 600, tailLines: 100, limitBytes: 10_000 };

const line = (second: number, fields: object): string =>
  `${JSON.stringify({ level: 'info', time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`, ...fields })}\n`;

const podObject = (name: string, part: string, nodeName: string, ofMain: object = {}): object => ({
  metadata: { name, labels: { 'app.kubernetes.io/name': part } },
  spec: { nodeName, containers: [{ name: 'main' }, { name: 'proxy' }] },
  status: {
    // In no order that anybody promises.
    containerStatuses: [
      { name: 'proxy', restartCount: 7, state: { running: {} } },
      { name: 'main', restartCount: 0, state: { running: {} }, ...ofMain },
    ],
  },
});

const PARTS = [
  podObject('podwire-node-b', 'podwire-node', 'n2', { restartCount: 3, state: { waiting: {} } }),
  podObject('podwire-node-a', 'podwire-node', 'n1', { restartCount: 1 }),
  podObject('podwire-orchestrator-x', 'podwire-orchestrator', 'n2'),
  podObject('podwire-watcher-y', 'podwire-watcher', 'n2'),
];

/** Logs by pod; `previous` ones behind a slash. A number is the status that the API answers with instead, an error what comes of opening it. */
type Logs = Readonly<Record<string, string | number | Error | Readable>>;

interface Cluster {
  readonly kube: KubeClient;
  readonly opened: KubeRequest[];
}

function cluster(logs: Logs, webNode: string | undefined): Cluster {
  const opened: KubeRequest[] = [];
  const answer = (status: number, body: unknown): KubeAnswer => ({ status, body, retryAfterMs: undefined });
  const kube: KubeClient = {
    call: ({ path }) => {
      if (path === '/api/v1/namespaces/podwire-system/pods') return Promise.resolve(answer(200, { items: PARTS }));
      assert.equal(path, '/api/v1/namespaces/shop/pods/web-0');
      const metadata = { namespace: 'shop', name: 'web-0', uid: 'uid-2', resourceVersion: '1' };
      return Promise.resolve(
        webNode === undefined ? answer(404, {}) : answer(200, { metadata, spec: { nodeName: webNode }, status: {} }),
      );
    },
    open: (request) => {
      opened.push(request);
      const { path, query = {} } = request;
      const name = `${path.split('/').at(-2) ?? ''}${query['previous'] === 'true' ? '/previous' : ''}`;
      const found = logs[name] ?? '';
      if (found instanceof Error) return Promise.reject(found);
      const text = typeof found === 'string' ? found : '';
      const stream = found instanceof Readable ? found : Readable.from([Buffer.from(text)]);
      const answered = { statusCode: typeof found === 'number' ? found : 200 };
      return Promise.resolve(Object.assign(stream as unknown as IncomingMessage, answered));
    },
    close: () => undefined,
  };
  return { kube, opened };
}

async function gathered(logs: Logs, webNode: string | undefined = 'n1') {
  const { kube, opened } = cluster(logs, webNode);
  const told: string[] = [];
  const warned: string[] = [];
  const lines = await gatherLogs(
    kube,
    {
      pod: { namespace: 'shop', name: 'web-0' },
      ...{ namespace: 'podwire-system', dialect: DEFAULT_DIALECT_SETTINGS, bounds: BOUNDS },
    },
    { tell: (problem) => told.push(problem), warn: (message) => warned.push(message) },
  );
  return { lines, told, warned, opened };
}

const messages = (lines: readonly LogLine[]): unknown[] => lines.map(({ fields }) => fields['msg']);

describe('podwire logs', () => {
  const LOGS: Logs = {
    'podwire-watcher-y': line(1, { msg: 'signalled', pod: 'shop/web-0', podUid: 'uid-2' }),
    'podwire-orchestrator-x': [
      line(2, { msg: 'observe', workflowId: 'pod/shop/web-0/uid-2' }),
      line(2, { msg: 'another pod', pod: 'shop/web-01', podUid: 'uid-9' }),
      line(5, { msg: 'publish', podUid: 'uid-2' }),
    ].join(''),
    'podwire-node-a/previous': line(3, { msg: 'step failed', pod: 'shop/web-0', podUid: 'uid-1', sandboxId: 's1' }),
    'podwire-node-a': [
      'Segmentation fault\n',
      line(4, { msg: 'call', containerId: 's1' }),
      line(4, { msg: 'call of another', containerId: 's2' }),
      line(6, { msg: 'served', pod: { namespace: 'shop', name: 'web-0', uid: 'uid-2' } }),
      '{"time":"2026-01-01T00:00:07Z","pod":"shop/web-0","msg":"cut o',
    ].join(''),
    'podwire-node-b': line(1, { msg: 'not asked', pod: 'shop/web-0' }),
  };

  it('has the lines of a pod, of all its UIDs and sandboxes, from all parts and from before a restart, by time', async () => {
    const { lines, told, opened } = await gathered(LOGS);
    assert.deepEqual(messages(lines), ['signalled', 'observe', 'step failed', 'call', 'publish', 'served']);
    assert.deepEqual(told, []);
    assert.equal(lines[0]?.part, 'podwire-watcher');
    assert.deepEqual(opened[0]?.query, {
      container: 'main',
      sinceSeconds: '600',
      tailLines: '100',
      limitBytes: '10000',
    });
  });

  it('asks all node workers where the pod is gone', async () => {
    const { lines, warned } = await gathered(LOGS, '');
    assert.ok(messages(lines).includes('not asked'));
    assert.deepEqual(warned, []);
  });

  it('says which node worker it asks where the pod is on a node', async () => {
    const { warned } = await gathered(LOGS);
    assert.deepEqual(warned, [
      'shop/web-0 is on n1: of the node workers only the one there is read, not those of nodes where a pod of this name was before',
    ]);
  });

  it('asks for a former log only of the container that is read, and not while that waits to be started again', async () => {
    const { opened } = await gathered(LOGS, '');
    const former = opened.filter(({ query }) => query?.['previous'] === 'true');
    assert.deepEqual(
      former.map(({ path }) => path.split('/').at(-2)),
      ['podwire-node-a'],
    );
  });

  it('names a log that may not be read, and shows the others', async () => {
    const { lines, told } = await gathered({ ...LOGS, 'podwire-orchestrator-x': 403 });
    assert.deepEqual(messages(lines), ['signalled', 'step failed', 'call', 'served']);
    assert.deepEqual(told, [
      'log of podwire-orchestrator-x: the API answered 403: you may not read it; the verb get on pods/log is needed there',
    ]);
  });

  it('takes a former log that the node has no more for none', async () => {
    const { lines, told } = await gathered({ ...LOGS, 'podwire-node-a/previous': 400 });
    assert.deepEqual(messages(lines), ['signalled', 'observe', 'publish', 'served']);
    assert.deepEqual(told, []);
  });

  it('reads the log of now where the one before cannot be read', async () => {
    const away = new PodwireError('ApiUnavailable', 'GET …/log: no complete answer within 10000 ms');
    const { lines, told } = await gathered({ ...LOGS, 'podwire-node-a/previous': away });
    assert.deepEqual(messages(lines), ['signalled', 'observe', 'publish', 'served']);
    assert.deepEqual(told, [`log of podwire-node-a before its restart: ${away.message}`]);
  });

  it('keeps what was read of a log that breaks off', async () => {
    const text = line(1, { msg: 'signalled', pod: 'shop/web-0' });
    const broken = Readable.from(
      (function* () {
        yield Buffer.from(text);
        throw new Error('aborted');
      })(),
    );
    const { lines, told } = await gathered({ 'podwire-watcher-y': broken });
    assert.deepEqual(messages(lines), ['signalled']);
    assert.deepEqual(told, [
      `log of podwire-watcher-y: only its first ${text.length} bytes were read (aborted); ask for less (--since, --tail)`,
    ]);
  });

  it('gives up a log that does not end, and keeps what came', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const endless = new PassThrough();
    const text = line(1, { msg: 'signalled', pod: 'shop/web-0' });
    endless.write(text);
    const answer = gathered({ 'podwire-watcher-y': endless });
    await until('the log is read', () => endless.listenerCount('readable') > 0 && endless.readableLength === 0);
    t.mock.timers.tick(20_000);
    const { lines, told } = await answer;
    assert.deepEqual(messages(lines), ['signalled']);
    assert.match(
      told.join('\n'),
      /^log of podwire-watcher-y: only its first \d+ bytes were read \(not read within 20 s\)/,
    );
  });

  it('says when there may be older lines than were asked for', async () => {
    const { lines, told } = await gathered({
      'podwire-watcher-y': line(1, { msg: 'x', pod: 'shop/web-0' }).repeat(BOUNDS.tailLines),
      'podwire-orchestrator-x': line(1, { msg: 'x', pod: 'shop/web-0' }).repeat(BOUNDS.tailLines - 1),
    });
    assert.equal(lines.length, 2 * BOUNDS.tailLines - 1);
    assert.deepEqual(told, [
      'log of podwire-watcher-y: only its last 100 lines were read; ask for more (--tail) or less (--since)',
    ]);
  });

  it('parses no line in which there is nothing of the pod', async (t) => {
    const parse = t.mock.method(JSON, 'parse');
    const others = Array.from({ length: 50 }, (_, at) => line(1, { msg: 'x', podUid: `other-${at}`, sandboxId: 's9' }));
    const { lines } = await gathered({ ...LOGS, 'podwire-orchestrator-x': others.join('') });
    assert.deepEqual(messages(lines), ['signalled', 'step failed', 'call', 'served']);
    const parsed = parse.mock.calls.filter(({ arguments: [text] }) => text.includes('other-'));
    assert.equal(parsed.length, 0);
  });

  it('says when a log is larger than may be read', async () => {
    const { told } = await gathered({ 'podwire-watcher-y': line(1, { msg: 'x'.repeat(BOUNDS.limitBytes) }) });
    assert.deepEqual(told, [
      'log of podwire-watcher-y: only its first 10000 bytes were read; ask for less (--since, --tail) or more (--limit-bytes)',
    ]);
  });

  it('shows a line each, without what a terminal would take for commands', () => {
    const about = { part: 'podwire-node', pod: 'podwire-node-a', node: 'n1', time: '2026-01-01T00:00:01.000Z' };
    const fields = {
      ...{ level: 'warn', time: about.time, component: 'node', node: 'n1', pod: 'shop/web-0', msg: 'step failed' },
      ...{ step: 'cniAdd', attempt: 2, code: 'CniFailed', why: 'bridge: \u001b[2Jno "br0"' },
    };
    assert.equal(
      logsText([{ ...about, fields }]),
      '2026-01-01T00:00:01.000Z podwire-node@n1 WARN  step failed step=cniAdd attempt=2 code=CniFailed why="bridge: \\u001b[2Jno \\"br0\\""\n',
    );
  });
});
