/** What commands that do or look at something answer, whole, to people and to programs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import type { SelectedPod } from '../../../adapters/kubernetes/selected-pods.ts';
import { retriedText, retryStuck } from '../../../cli/commands/retry.ts';
import { reportText } from '../../../cli/commands/sweep.ts';
import { consequences } from '../../../cli/commands/forget.ts';
import { FINALIZERS_LEFT, leftText, waitForObjects } from '../../../cli/commands/teardown.ts';
import { listAnswer, networksAnswer, podsAnswer } from '../../../cli/inspect/answers.ts';
import { fieldsOf } from '../../../cli/inspect/render.ts';
import { listedPods, podsListText, shownNetworks, shownPods, type Inspect } from '../../../cli/inspect/texts.ts';
import { networkObjectKey } from '../../../domain/keys.ts';
import { declaredNetwork } from '../../../domain/network-objects/network-object.ts';
import type { Finding } from '../../../domain/sweep/finding.ts';
import type { LinkPool } from '../../../domain/vxlan/vxlan.ts';
import { differencesText, reflectionText } from '../../../cli/reflect/reflect-texts.ts';
import { intent } from '../../etcd/some-records.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';

/** Lines as they stand below each other here. */
const lines = (...text: string[]): string => text.map((line) => `${line}\n`).join('');

describe('podwire retry', () => {
  it('says of each run whether it was there', () => {
    const run = { pod: 'shop/web-0', uid: 'u', workflowId: 'pod/shop/web-0/u', started: false };
    assert.equal(retriedText(run), lines('retryNow → shop/web-0 (pod/shop/web-0/u)'));
    assert.equal(
      retriedText({ ...run, started: true }),
      lines('retryNow → shop/web-0 (pod/shop/web-0/u), a new run: it had no open one'),
    );
  });
});

/** Open runs of these pods; one that is away does not take its signal. */
function temporalWith(pods: readonly string[], away: string): Client {
  const list = async function* () {
    for (const pod of pods)
      yield {
        ...{ workflowId: `pod/shop/${pod}/u`, runId: 'r', startTime: new Date(0) },
        typedSearchAttributes: { get: () => undefined },
      };
  };
  const signal = async (workflowId: string): Promise<void> => {
    if (workflowId === `pod/shop/${away}/u`) throw new Error('deadline exceeded');
  };
  const getHandle = (workflowId: string) => ({ signal: () => signal(workflowId) });
  const withDeadline = (_deadline: number, work: () => Promise<unknown>) => work();
  return { withDeadline, workflow: { list, getHandle } } as unknown as Client;
}

describe('podwire retry --all-stuck', () => {
  it('says which runs took the signal before it fails because of one that did not', async () => {
    const told: string[] = [];
    const retrying = retryStuck(temporalWith(['a', 'b', 'c'], 'a'), ({ pod }) => told.push(pod));
    await assert.rejects(retrying, /pod\/shop\/a\/u: deadline exceeded/);
    assert.deepEqual(told, ['shop/b', 'shop/c']);
  });
});

describe('podwire sweep', () => {
  it('shows what it found and did, and which nodes did not answer', () => {
    const finding: Finding = {
      ...{ id: '1', kind: 'link', action: 'remove' },
      ...{ where: 'net1 in s1', owner: 'shop/web-0', why: 'no record' },
    };
    assert.equal(
      reportText([
        { node: 'n1', state: 'done', more: 2, rows: [{ finding, ageSeconds: 60, outcome: 'removed' }] },
        { node: 'n2', state: 'node-away', more: 0, rows: [] },
      ]),
      lines(
        'NODE  WHAT  WHERE       OWNER       SINCE  ACTION   WHY',
        'n1    link  net1 in s1  shop/web-0  60 s   removed  no record',
        'n1: 2 more; sweep again',
        'n2: no podwire worker answers',
      ),
    );
    assert.equal(reportText([{ node: 'n1', state: 'done', more: 0, rows: [] }]), 'nothing found on n1\n');
  });
});

describe('podwire teardown', () => {
  it('shows what is left, and why', () => {
    const left = { node: 'n1', pod: 'shop/web-0', interface: 'net1', network: 'shop/blue', kind: 'vxlan' } as const;
    assert.equal(
      leftText([{ ...left, why: 'KernelBusy: try again' }, ...Array.from({ length: 20 }, () => left)], 5)
        .split('\n')
        .filter((_, index) => index < 3 || index > 20)
        .join('\n'),
      [
        'NODE  POD         INTERFACE  NETWORK    WHY',
        'n1    shop/web-0  net1       shop/blue  KernelBusy: try again',
        'n1    shop/web-0  net1       shop/blue  -',
        'and 1 more',
        'after 5 s this is left; podwire goes on with it. Repeat this command to watch it on',
      ].join('\n'),
    );
  });

  it('waits for network objects that hold a VNI, says which, and gives up at its limit', async () => {
    const etcd = new MemoryEtcd();
    const ref = { kind: 'network', namespace: 'shop', name: 'blue', uid: 'u' };
    const network = declaredNetwork({ kind: 'network', namespace: 'shop', name: 'blue' });
    const put = networkObjectKey(network);
    await etcd.transact([], [{ put, value: JSON.stringify({ v: 1, ...ref, tunnel: '8472/7' }) }]);
    const said: string[] = [];
    const say = (line: string): void => {
      said.push(line);
      void etcd.transact([], [{ remove: put }]);
    };
    assert.deepEqual(await waitForObjects(etcd, 0, () => undefined), ['Network shop/blue']);
    assert.deepEqual(await waitForObjects(etcd, performance.now() + 60_000, say), []);
    assert.deepEqual(said, ['podwire lets network objects go: Network shop/blue']);
  });

  it('prints the command for finalizers that the documentation has', () => {
    const text = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
    assert.ok(text.includes(`\n${FINALIZERS_LEFT}\n`));
  });
});

describe('podwire forget', () => {
  it('says of a network with a pool that its addresses are given to others', () => {
    const record = intent('shop', 7);
    const told = (of: typeof record): string =>
      consequences({ namespace: 'shop', name: 'web' }, 'red', [{ value: of }]).replaceAll('\n', ' ');
    assert.doesNotMatch(told(record), /pool/);
    const pool: LinkPool = {
      ...{ name: 'ClusterNetwork:blue', order: 'next', restSeconds: 60, sticky: false, subnets: [], wanted: [] },
    };
    assert.match(
      told({ ...record, link: { ...record.link, pool } }),
      /addresses of the pool .* another pod may get them/,
    );
  });
});

describe('podwire reflect', () => {
  it('shows kinds, with the progress of a resync', () => {
    const now = Date.parse('2026-01-01T00:10:00Z');
    const progress = { phase: 'looking again', compared: 5, stored: 4, added: 1, updated: 0, deleted: 0 } as const;
    assert.equal(
      reflectionText(
        [
          {
            ...{ kind: 'pod', state: 'idle', waiting: 0 },
            lastResync: { at: '2026-01-01T00:00:00Z', objects: 5 },
          },
          { kind: 'service', state: 'busy', waiting: 3, resync: 'asked for', progress, failure: 'etcd is away' },
        ],
        now,
      ),
      lines(
        'KIND     STATE  WAITING  LAST RESYNC            RESYNC NOW                                                                                  FAILURE',
        'pod      idle   0        10 min ago, 5 objects  -                                                                                           -',
        'service  busy   3        never                  asked for: looking again, 5 objects compared with 4 values (1 added, 0 updated, 0 removed)  etcd is away',
      ),
    );
  });

  it('counts differences, and names the first ones', () => {
    const different = { kind: 'pod', name: 'shop/web-0', key: '/k8s/pod/web-0', what: 'missing' } as const;
    assert.equal(
      differencesText(
        [
          {
            kind: 'pod',
            objects: 2,
            stored: 1,
            notReflectable: 0,
            differences: [different, { ...different, what: 'extra' }],
          },
        ],
        1,
      ),
      lines(
        'KIND  OBJECTS  IN ETCD  NOT REFLECTABLE  MISSING  DIFFERENT  EXTRA',
        'pod   2        1        0                1        0          1',
        'missing    /k8s/pod/web-0',
        '1 more of pod; show them with --all',
      ),
    );
  });
});

describe('podwire inspect and list', () => {
  const pod = {
    ...{ namespace: 'shop', name: 'web-0', uid: 'u', nodeName: 'n1', podIPs: ['10.244.1.5'] },
    publishedStatus: '[{"interface":"red","name":"red","state":"attached"}]',
  } as unknown as SelectedPod;
  const pods = [{ pod, networks: [{ name: 'red', options: new Map([['id', '7']]) }] }];
  const inspect: Inspect = () =>
    Promise.resolve((_pod, about) =>
      about === 'addresses' ? 'inet 192.0.2.7/24 scope global\ninet6 fd00::7/64\n' : `${about} of red\nmore\n`,
    );

  it('answer programs with what was asked for, and no more', async () => {
    const fields = fieldsOf('fdb');
    const fdb = ['fdb of red', 'more'];
    assert.deepEqual(networksAnswer(await shownNetworks(pods, ['red', 'blue'], fields, inspect), fields), [
      { network: 'red', members: [{ pod: 'shop/web-0', ip: '10.244.1.5', options: { id: '7' }, fdb }] },
      { network: 'blue', members: [] },
    ]);
    assert.deepEqual(podsAnswer(await shownPods(pods, fields, inspect), fields), [
      {
        ...{ pod: 'shop/web-0', uid: 'u', node: 'n1', ips: ['10.244.1.5'], status: ['red red attached'] },
        networks: [{ network: 'red', options: { id: '7' }, fdb }],
      },
    ]);
    const listed = await listedPods(pods, ['web'], inspect);
    assert.deepEqual(listAnswer(listed), [{ pod: 'shop/web-0', network: 'red', addresses: ['192.0.2.7/24'] }]);
    assert.equal(podsListText(listed), lines('shop/web-0 red 192.0.2.7/24'));
  });
});
