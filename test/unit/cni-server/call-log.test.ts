/** What the node worker writes of a container runtime's calls. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CniOperations } from '../../../adapters/cni-server/operations.ts';
import type { CheckedRequest } from '../../../adapters/cni-server/request-schemas.ts';
import type { PodCni } from '../../../domain/cni-server/pod-cni.ts';
import { linesOfPod } from '../../../domain/logs/pod-lines.ts';

const IDLE: PodCni = {
  add: () => Promise.resolve({ cniVersion: '1.1.0' }),
  del: () => Promise.resolve(),
  check: () => Promise.resolve(),
  gc: () => Promise.resolve(),
  status: () => Promise.resolve(),
};

type Line = readonly [level: string, fields: Readonly<Record<string, unknown>>];

async function written(request: CheckedRequest): Promise<Line> {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    ({ ms, ...fields }: Record<string, unknown>, msg: string): void => {
      assert.equal(typeof ms, 'number');
      lines.push([level, { ...fields, msg }]);
    };
  const operations = new CniOperations({
    ...{ podCni: IDLE, observer: { answered: () => undefined } },
    log: { debug: at('debug'), info: at('info'), warn: at('warn') } as never,
  });
  await operations.serve(request.command, () => request, new AbortController().signal);
  const [line] = lines;
  assert.ok(line !== undefined && lines.length === 1);
  return line;
}

const config = { cniVersion: '1.1.0', name: 'podwire', type: 'podwire-cni' };
const pod = { namespace: 'shop', name: 'web-0', uid: 'uid-1' };
const ofPod = (command: 'ADD' | 'DEL' | 'CHECK', more: object = {}): CheckedRequest => ({
  command,
  call: { containerId: 's1', netns: '/run/netns/a', ifName: 'eth0', pod: { ...pod, ...more }, config },
  limitMs: 1_000,
});
const ABOUT = { pod: 'shop/web-0', podUid: 'uid-1', interfaceName: 'eth0', sandboxId: 's1', msg: 'CNI call served' };

describe('the log of CNI calls', () => {
  it('tells of each sandbox that comes and goes at info, and of looks at debug', async () => {
    assert.deepEqual(await written(ofPod('ADD')), ['info', { command: 'ADD', ...ABOUT }]);
    assert.deepEqual(await written(ofPod('DEL')), ['info', { command: 'DEL', ...ABOUT }]);
    assert.equal((await written(ofPod('CHECK')))[0], 'debug');
    assert.equal((await written({ command: 'STATUS', config, limitMs: 1_000 }))[0], 'debug');
  });

  it('has no name where the runtime gave none', async () => {
    const [, fields] = await written(ofPod('DEL', { namespace: '', name: '', uid: undefined }));
    assert.deepEqual(fields, { command: 'DEL', interfaceName: 'eth0', sandboxId: 's1', msg: 'CNI call served' });
  });

  it('leads from the name of a pod to lines that have the id of its sandbox only', async () => {
    const source = { part: 'podwire-node', pod: 'podwire-node-a', node: 'n1' };
    const [, fields] = await written(ofPod('ADD'));
    const texts = [fields, { msg: 'step failed', sandboxId: 's1' }, { msg: 'another', sandboxId: 's2' }].map(
      (each) => ({
        ...source,
        text: JSON.stringify({ time: '2026-01-01T00:00:00.000Z', ...each }),
      }),
    );
    const lines = linesOfPod(texts, { namespace: 'shop', name: 'web-0', uid: undefined });
    assert.deepEqual(
      lines.map((line) => line.fields['msg']),
      ['CNI call served', 'step failed'],
    );
  });
});
