/** Looks of nodes: which are told, and that one record that nobody can read hides no other node. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readNodeLooks } from '../../../adapters/etcd/node-looks.ts';
import { nodeKey } from '../../../domain/keys.ts';
import { KnownNodes } from '../../../workers/orchestrator/known-nodes.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-01-10T00:00:00Z');

function nodesThatExist(...existing: string[]) {
  const clock = { now: START };
  const asked: string[] = [];
  const nodes = new Set(existing);
  const known = new KnownNodes(
    async (node) => {
      asked.push(node);
      if (nodes.has('away')) throw new Error('away');
      return nodes.has(node);
    },
    () => clock.now,
  );
  const told = async (...looks: readonly (readonly [string, number | undefined])[]): Promise<string[]> => {
    const all = looks.map(([node, agoHours]) => ({
      node,
      lookedAt: agoHours === undefined ? undefined : new Date(clock.now - agoHours * HOUR).toISOString(),
    }));
    return (await known.of(all)).map(({ node }) => node);
  };
  return { clock, asked, nodes, told };
}

describe('the nodes that figures name', () => {
  it('are those that exist, and those that were seen within a day', async () => {
    const { asked, told } = nodesThatExist('stuck', 'new');
    const looks = [
      ['seen', 23],
      ['stuck', 25],
      ['gone', 25],
      ['new', undefined],
      ['never', undefined],
    ] as const;
    assert.deepEqual(await told(...looks), ['seen', 'stuck', 'new']);
    assert.deepEqual(asked, ['stuck', 'gone', 'new', 'never'], 'of one that was seen nobody asks');
  });

  it('are asked for once an hour when they are gone', async () => {
    const { asked, clock, nodes, told } = nodesThatExist();
    assert.deepEqual(await told(['gone', 25]), []);
    nodes.add('gone');
    clock.now += HOUR - 1;
    assert.deepEqual(await told(['gone', 25]), []);
    assert.deepEqual(await told(['gone', 1]), ['gone'], 'its worker is back');
    clock.now += 1;
    assert.deepEqual(await told(['gone', 25]), ['gone']);
    assert.equal(asked.length, 2);
  });

  it('are all of them while the API is away, which is not asked for each', async () => {
    const { asked, nodes, told } = nodesThatExist('away');
    const many = Array.from({ length: 100 }, (_, index) => [`n${index}`, 25] as const);
    assert.equal((await told(...many)).length, 100);
    assert.ok(asked.length <= 8, String(asked.length));
    nodes.delete('away');
    assert.deepEqual(await told(...many), []);
  });
});

describe('looks in etcd', () => {
  it('are shown but for the one that cannot be read, which is an error for those who act on them', async () => {
    const etcd = new MemoryEtcd();
    const lookedAt = '2026-01-01T00:00:00.000Z';
    await etcd.transact(
      [],
      [
        { put: nodeKey('n1'), value: JSON.stringify({ v: 1, lookedAt }) },
        { put: nodeKey('n2'), value: '{' },
        { put: nodeKey('n3'), value: JSON.stringify({ v: 1 }) },
      ],
    );
    const told: string[] = [];
    assert.deepEqual(await readNodeLooks(etcd, (why) => void told.push(why)), [
      { node: 'n1', lookedAt },
      { node: 'n3', lookedAt: undefined },
    ]);
    assert.match(told.join('\n'), /^etcd record \S*n2 is not JSON/);
    await assert.rejects(readNodeLooks(etcd), { code: 'RecordInvalid' });
  });
});
