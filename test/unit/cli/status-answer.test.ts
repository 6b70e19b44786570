/** What programs get of `podwire status` while somebody does not answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodRun, RunView } from '../../../cli/pod-runs.ts';
import { statusAnswer } from '../../../cli/status-answer.ts';
import { PodwireError } from '../../../domain/failures.ts';

const run = (name: string): PodRun => ({
  ...{ workflowId: `pod/shop/${name}/uid`, runId: 'r', pod: { namespace: 'shop', name, uid: 'uid' } },
  ...{ state: 'Stuck', node: 'n1', networks: [], since: new Date('2026-01-01T00:00:00Z') },
});
const view = { lanes: [], note: 'waits' } as unknown as RunView;
const away = (code: 'EtcdUnavailable' | 'TemporalUnavailable', why: string) => () =>
  Promise.reject(new PodwireError(code, why));

describe('the answer of status for programs', () => {
  it('has the runs and what else is asked for', async () => {
    const looks = [{ node: 'n1', lookedAt: undefined }];
    const none = () => assert.fail('nothing is left out');
    assert.deepEqual(await statusAnswer([run('a')], {}, none), { runs: [run('a')] });
    assert.deepEqual(await statusAnswer([run('a')], { nodes: async () => looks }, none), {
      runs: [run('a')],
      nodes: looks,
    });
    assert.deepEqual(await statusAnswer([run('a')], { view: async () => view, records: async () => [] }, none), {
      runs: [{ ...run('a'), view }],
      records: [],
    });
  });

  it('has all but what was not answered, which is told', async () => {
    const said: string[] = [];
    const warn = (why: string): void => void said.push(why);
    const viewOf = (of: PodRun): Promise<RunView> =>
      of.pod.name === 'b' ? away('TemporalUnavailable', 'b does not answer')() : Promise.resolve(view);
    assert.deepEqual(
      await statusAnswer(
        [run('a'), run('b')],
        { view: viewOf, records: away('EtcdUnavailable', 'etcd is away') },
        warn,
      ),
      { runs: [{ ...run('a'), view }, run('b')] },
    );
    assert.deepEqual(await statusAnswer([run('a')], { nodes: away('EtcdUnavailable', 'etcd is away') }, warn), {
      runs: [run('a')],
    });
    assert.deepEqual(said.sort(), ['b does not answer', 'etcd is away', 'etcd is away']);
  });

  it('hides no fault of podwire itself', async () => {
    const fault = () => Promise.reject(new TypeError('fault'));
    await assert.rejects(
      statusAnswer([], { nodes: fault }, () => undefined),
      TypeError,
    );
  });
});
