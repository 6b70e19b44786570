import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { meshesOf, meshText, type MeshView } from '../../../cli/meshes.ts';
import { meshStateKey } from '../../../domain/keys.ts';
import { RECORD_VERSION, type AttachmentRecord, type MeshRecord } from '../../../domain/records.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';
import { cniRecord, vxlanRecord } from '../sweep/some-node.ts';

const NOW = Date.parse('2026-01-01T00:10:00.000Z');
const green = { scope: 'cluster', name: 'green' };
const record = (behind: readonly string[], since: MeshRecord['since'] = {}): MeshRecord => ({
  ...{ v: RECORD_VERSION, behind, since, recordedAt: '2026-01-01T00:09:00.000Z' },
});
const lines = (view: Partial<MeshView>): string[] =>
  meshText([{ network: green, underWay: false, record: undefined, leaving: [], ...view }], NOW)
    .trim()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' | '));

describe('the meshes of a pod', () => {
  test('are complete when no node is behind', () => {
    assert.deepEqual(lines({ record: record([]) }), [
      'meshes',
      'NETWORK | COMPLETE | NODES BEHIND',
      'cluster/green | yes | -',
    ]);
  });

  test('are not while a node is behind, which is named with the time since when', () => {
    const behind = record(['n2', 'n3'], { n2: '2026-01-01T00:05:00.000Z', n3: '2026-01-01T00:08:00.000Z' });
    assert.equal(lines({ record: behind }).at(-1), 'cluster/green | no | n2 (for 5 min), n3 (for 2 min)');
  });

  test('are under way while the nodes are being told, whatever was recorded before', () => {
    assert.equal(lines({ underWay: true, record: record([]) }).at(-1), 'cluster/green | under way | -');
  });

  test('are unknown without a record', () => {
    assert.equal(lines({}).at(-1), 'cluster/green | unknown | -');
  });

  test('are those of its VXLAN networks, each once', async () => {
    const etcd = new MemoryEtcd();
    await etcd.transact([], [{ put: meshStateKey(green), value: JSON.stringify(record(['n2'])) }]);
    const records = [vxlanRecord(), vxlanRecord({ interfaceName: 'green2' }), cniRecord()];
    assert.deepEqual(await meshesOf(etcd, { records, all: records }, async () => false), [
      { network: green, underWay: false, record: record(['n2']), leaving: [] },
    ]);
    const none = await meshesOf(etcd, { records: [cniRecord()], all: records }, async () => false);
    assert.equal(meshText(none, NOW), '');
  });

  test('are shown as unknown when their record cannot be read', async () => {
    const etcd = new MemoryEtcd();
    await etcd.transact([], [{ put: meshStateKey(green), value: '{"v":1}' }]);
    const of = { records: [vxlanRecord()], all: [] };
    assert.match(meshText(await meshesOf(etcd, of, async () => false), NOW), /green +unknown/);
  });

  test('are not complete while a node that does not answer still has the link of a pod that was forced away', async () => {
    const etcd = new MemoryEtcd();
    await etcd.transact([], [{ put: meshStateKey(green), value: JSON.stringify(record([])) }]);
    const anew = vxlanRecord();
    const old = vxlanRecord({ node: 'n9', podUid: 'old', phase: 'removing' });
    const elsewhere = vxlanRecord({ node: 'n8', network: { scope: 'shop', name: 'red' }, phase: 'removing' });
    const text = async (all: readonly AttachmentRecord[]): Promise<string> =>
      meshText(await meshesOf(etcd, { records: [anew], all }, async () => false), NOW);
    assert.match(await text([anew, old, elsewhere]), /green +no +n9 \(has a link of a member that left\)\n/);
    assert.match(await text([anew, elsewhere]), /green +yes/);
  });
});
