/** What people read of commands, whole: a change of it is seen here. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Command } from 'commander';
import { nextStepText } from '../../../cli/next-step.ts';
import { addOutput, inFormat, printDone, type OutputOption } from '../../../cli/output.ts';
import { detailText, listText, type NetworkRow } from '../../../cli/render/networks.ts';
import { nodesText, type NodeRow } from '../../../cli/render/nodes.ts';
import { runTable } from '../../../cli/render/runs.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');

const member = { node: 'n1', interface: 'blue', phase: 'attached', addresses: ['10.0.0.1/24'] } as const;
const BLUE: NetworkRow = {
  ...{ network: 'shop/blue', kind: 'vxlan', tunnels: ['8472/7'], nodes: ['n1', 'n2'], complete: 'no', behind: ['n2'] },
  members: [
    { ...member, pod: 'shop/web-0', vtep: '10.244.1.2', mac: '02:00:00:00:00:01' },
    { ...member, pod: 'shop/web-1', node: 'n2', phase: 'intent', addresses: [] },
  ],
};
const ORDERS: NetworkRow = {
  ...{ network: 'cluster/orders', kind: 'cni', tunnels: [], nodes: ['n1'] },
  members: [{ ...member, pod: 'shop/web-0', interface: 'net1' }],
};

const NODES: readonly NodeRow[] = [
  {
    ...{ node: 'n1', queue: 'podwire-node-n1', workers: ['1@n1'], attachments: 2, behind: [] },
    ...{ askedAt: '2026-01-01T00:09:30Z', lookedAt: '2026-01-01T00:00:00Z' },
  },
  { node: 'n2', queue: 'podwire-node-n2', workers: [], attachments: 1, behind: ['shop/blue'] },
];

/** Lines as they stand below each other here. */
const lines = (...text: string[]): string => text.map((line) => `${line}\n`).join('');

describe('podwire networks', () => {
  it('lists networks, and with -o wide their nodes and pods', () => {
    assert.equal(
      listText([ORDERS, BLUE], false),
      lines(
        'NETWORK         KIND   PORT/ID  MEMBERS  NOT ATTACHED  NODES  COMPLETE  NODES BEHIND',
        'cluster/orders  cni    -        1        0             1      -         -',
        'shop/blue       vxlan  8472/7   2        1             2      no        n2',
      ),
    );
    assert.equal(
      listText([BLUE], true),
      lines(
        'NETWORK    KIND   PORT/ID  MEMBERS  NOT ATTACHED  NODES  COMPLETE  NODES BEHIND  ON NODES  PODS',
        'shop/blue  vxlan  8472/7   2        1             2      no        n2            n1 n2     shop/web-0 shop/web-1',
      ),
    );
    assert.equal(listText([], true), 'no pod is attached to any network\n');
  });

  it('shows the members of one', () => {
    assert.equal(
      detailText(BLUE),
      lines(
        'network shop/blue, vxlan, port/id 8472/7; every node has followed its members: no (n2)',
        'POD         NODE  INTERFACE  PHASE     TUNNEL END  MAC                ADDRESSES',
        'shop/web-0  n1    blue       attached  10.244.1.2  02:00:00:00:00:01  10.0.0.1/24',
        'shop/web-1  n2    blue       intent    -           -                  -',
      ),
    );
  });
});

describe('podwire nodes', () => {
  it('shows workers, and with -o wide their queues', () => {
    assert.equal(
      nodesText(NODES, NOW, false),
      lines(
        'NODE  WORKER  ASKED FOR WORK  LOOKED AT   ATTACHMENTS  BEHIND WITH',
        'n1    1@n1    30 s ago        10 min ago  2            -',
        'n2    NONE    never           never       1            shop/blue',
      ),
    );
    assert.equal(
      nodesText(NODES, NOW, true),
      lines(
        'NODE  WORKER  ASKED FOR WORK  LOOKED AT   ATTACHMENTS  BEHIND WITH  QUEUE',
        'n1    1@n1    30 s ago        10 min ago  2            -            podwire-node-n1',
        'n2    NONE    never           never       1            shop/blue    podwire-node-n2',
      ),
    );
    assert.equal(nodesText([], NOW, false), 'no node has ever had a worker\n');
  });
});

describe('podwire status', () => {
  it('shows runs with their age', () => {
    const run = {
      ...{ workflowId: 'pod/shop/web-0/uid', runId: 'r', pod: { namespace: 'shop', name: 'web-0', uid: 'uid' } },
      ...{ state: 'Stuck', node: 'n1', networks: ['shop/red', 'shop/blue'], since: new Date('2026-01-01T00:00:00Z') },
    };
    assert.equal(
      runTable([run, { ...run, node: '', state: 'Converging', networks: [], since: new Date(NOW - 5_000) }], NOW),
      lines(
        'POD         NODE  STATE       SINCE   NETWORKS',
        'shop/web-0  n1    Stuck       10 min  shop/blue shop/red',
        'shop/web-0  -     Converging  5 s     -',
      ),
    );
  });
});

describe('--output', () => {
  const outputOf = (...argv: string[]): unknown => {
    const command = addOutput(new Command().exitOverride().configureOutput({ writeErr: () => undefined }));
    return command.parse(argv, { from: 'user' }).opts<OutputOption>().output;
  };

  it('is text where nothing is said, also by its former name', () => {
    assert.equal(outputOf(), 'text');
    assert.equal(outputOf('-o', 'table'), 'text');
    assert.equal(outputOf('-o', 'json'), 'json');
  });

  it('refuses what there is not', () => {
    assert.throws(() => outputOf('-o', 'xml'), /Allowed choices are text, json, yaml/);
    assert.throws(() => outputOf('-o', 'wide'), /Allowed choices/);
  });
});

describe('an answer', () => {
  it('is the same for programs in JSON and YAML, and for them no text is made', async () => {
    const noText = (): string => assert.fail('made for nobody');
    const answer = [{ node: 'n1', behind: [] }];
    assert.equal(
      await inFormat(answer, 'json', noText),
      lines('[', '  {', '    "node": "n1",', '    "behind": []', '  }', ']'),
    );
    assert.equal(await inFormat(answer, 'yaml', noText), lines('- node: n1', '  behind: []'));
    assert.equal(await inFormat(answer, 'wide', String), 'true');
    assert.equal(await inFormat(answer, 'text', String), 'false');
  });
});

describe('somebody who does not answer', () => {
  it('comes with what to look at next, where there is something', () => {
    assert.match(
      nextStepText('TemporalUnavailable'),
      /^\n {2}next: is --temporal-address \(TEMPORAL_ADDRESS\) right\?/,
    );
    assert.match(nextStepText('ApiUnavailable'), /--context/);
    assert.equal(nextStepText('VniTaken'), '');
  });
});

describe('what a command has done when it fails in the middle', () => {
  /** What is written while the work is done that fails. */
  async function written(t: TestContext, output: OutputOption['output']): Promise<string> {
    let text = '';
    const write: (chunk: string | Uint8Array) => boolean = process.stdout.write.bind(process.stdout);
    const mock = t.mock.method(process.stdout, 'write', (chunk: string | Uint8Array): boolean => {
      // Those of the test runner are none.
      if (typeof chunk !== 'string') return write(chunk);
      text += chunk;
      return true;
    });
    const done: string[] = [];
    const work = async (): Promise<void> => {
      done.push('web-0');
      await Promise.reject(new Error('Temporal is away'));
    };
    await assert.rejects(printDone(done, { output }, work), /Temporal is away/);
    mock.mock.restore();
    return text;
  }

  it('is told to programs all the same', async (t) => {
    assert.equal(await written(t, 'json'), '[\n  "web-0"\n]\n');
    assert.equal(await written(t, 'yaml'), '- web-0\n');
  });

  it('is not told again to people, who were told of each', async (t) => {
    assert.equal(await written(t, 'text'), '');
  });
});
