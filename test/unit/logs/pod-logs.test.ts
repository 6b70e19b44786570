/** `podwire logs`: from the parts' logs, by the Kubernetes API, to one pod's lines. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { KubeAnswer, KubeClient, KubeRequest } from '../../../adapters/kubernetes/client.ts';
import { gatherLogs } from '../../../cli/logs/gather-logs.ts';
import { logsText } from '../../../cli/render/logs.ts';
import type { LogLine } from '../../../domain/logs/pod-lines.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

const BOUNDS = { sinceSeconds: 600, tailLines: 100, limitBytes: 10_000 };

const line = (second: number, fields: object): string =>
  `${JSON.stringify({ level: 'info', time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`, ...fields })}\n`;

const podObject = (name: string, part: string, nodeName: string, restartCount = 0): object => ({
  metadata: { name, labels: { 'app.kubernetes.io/name': part } },
  spec: { nodeName, containers: [{ name: 'main' }] },
  status: { containerStatuses: [{ restartCount }] },
});

const PARTS = [
  podObject('podwire-node-b', 'podwire-node', 'n2'),
  podObject('podwire-node-a', 'podwire-node', 'n1', 1),
  podObject('podwire-orchestrator-x', 'podwire-orchestrator', 'n2'),
  podObject('podwire-watcher-y', 'podwire-watcher', 'n2'),
];

/** Logs by pod; `previous` ones behind a slash. A number is the status that the API answers with instead. */
type Logs = Readonly<Record<string, string | number>>;

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
      const text = typeof found === 'number' ? '' : found;
      const stream = Readable.from([Buffer.from(text)]) as unknown as IncomingMessage;
      return Promise.resolve(Object.assign(stream, { statusCode: typeof found === 'number' ? found : 200 }));
    },
    close: () => undefined,
  };
  return { kube, opened };
}

async function gathered(logs: Logs, webNode: string | undefined = 'n1') {
  const { kube, opened } = cluster(logs, webNode);
  const told: string[] = [];
  const lines = await gatherLogs(
    kube,
    {
      pod: { namespace: 'shop', name: 'web-0' },
      ...{ namespace: 'podwire-system', dialect: DEFAULT_DIALECT_SETTINGS, bounds: BOUNDS },
    },
    { tell: (problem) => told.push(problem), warn: (message) => told.push(message) },
  );
  return { lines, told, opened };
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
    const { lines } = await gathered(LOGS, '');
    assert.ok(messages(lines).includes('not asked'));
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
