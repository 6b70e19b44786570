import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { classify, type NodeSnapshot } from '../../../domain/sweep/classify.ts';
import {
  cniRecord,
  greenLink,
  journalEntry,
  POD,
  SANDBOX,
  snapshot,
  stored,
  view,
  vxlanRecord,
  wiredLink,
} from './some-node.ts';

const found = (change: Partial<NodeSnapshot>): string[] =>
  classify(snapshot(change)).map(({ kind, action, where }) => `${kind} ${action} ${where.split(' ')[0] ?? ''}`);
const sandbox = (links: Parameters<typeof view>[0]) => [{ sandboxId: SANDBOX, pod: POD, view: view(links) }];

describe('a look at a node', () => {
  test('finds nothing where everything is as it should be', () => {
    assert.deepEqual(found({}), []);
  });

  test('finds an attachment that drifted, with the write it was recorded in', () => {
    const [finding] = classify(snapshot({ sandboxes: sandbox([greenLink()]) }));
    assert.deepEqual(finding, {
      id: `drift/uid-1/${SANDBOX}/net1/3/11`,
      ...{ kind: 'drift', action: 'repair', pod: POD, where: 'net1 in aaaaaaaaaaaaa', owner: 'shop/web-0' },
      why: 'the link is gone',
      attachment: { node: 'n1', sandboxId: SANDBOX, interfaceName: 'net1', generation: 3, modRevision: '11' },
    });
  });

  test("sets back the MAC of a VXLAN link, and only tells of a CNI interface's, which is its plugins'", () => {
    const mac = '02:00:00:00:00:99';
    const findings = classify(snapshot({ sandboxes: sandbox([greenLink({ mac }), wiredLink({ mac })]) }));
    assert.deepEqual(
      findings.map(({ action, where, repairs }) => [action, where.split(' ')[0], repairs]),
      [
        ['repair', 'green', undefined],
        ['report', 'net1', 0],
      ],
    );
    const [finding] = classify(snapshot({ sandboxes: sandbox([greenLink(), wiredLink({ mac, up: false })]) }));
    assert.equal(finding?.action, 'repair');
  });

  test('finds an attachment whose record is of another generation than what the node made', () => {
    assert.deepEqual(found({ journal: [journalEntry({}, 2)] }), ['drift repair net1']);
  });

  test('leaves an interface alone that a program in the pod took over, also one of another generation', () => {
    const links = [greenLink(), wiredLink({ name: 'net9' }), wiredLink({ ifindex: 9 })];
    assert.deepEqual(found({ journal: [journalEntry({}, 2)], sandboxes: sandbox(links) }), []);
  });

  test('cannot tell drift of a sandbox that it could not look into', () => {
    assert.deepEqual(found({ sandboxes: [] }), []);
  });

  test('finds what plugins began and no record owns', () => {
    assert.deepEqual(found({ records: [stored(vxlanRecord())] }), ['journal remove net1']);
    const elsewhere = { ...cniRecord(), sandboxId: 'b'.repeat(64) };
    assert.ok(found({ records: [stored(vxlanRecord()), stored(elsewhere)] }).includes('journal remove net1'));
  });

  test('takes a record in any phase for an owner, and a tombstone', () => {
    for (const phase of ['intent', 'removing'] as const) {
      const records = [stored(vxlanRecord()), stored(cniRecord({ phase }))];
      assert.deepEqual(found({ records }), ['record tell net1']);
    }
    assert.deepEqual(found({ records: [stored(vxlanRecord())], tombstones: [stored(cniRecord())] }), []);
  });

  test("does not let a VXLAN record own a plugin's entry", () => {
    const records = [stored(vxlanRecord({ interfaceName: 'net1' })), stored(vxlanRecord())];
    assert.ok(found({ records }).includes('journal remove net1'));
  });

  test("finds links with podwire's alias that no record owns, also under another name", () => {
    assert.deepEqual(found({ records: [stored(cniRecord())] }), ['link remove green']);
    assert.deepEqual(found({ sandboxes: sandbox([greenLink({ name: 'blue' }), wiredLink()]) }), [
      'link remove blue',
      'drift repair green',
    ]);
  });

  test('leaves a link alone that is just being made', () => {
    const records = [stored(vxlanRecord({ phase: 'intent' })), stored(cniRecord())];
    assert.deepEqual(found({ records, sandboxes: sandbox([greenLink({ name: 'pw-green' }), wiredLink()]) }), [
      'record tell green',
    ]);
  });

  test("leaves links alone that say nothing, or are another pod's", () => {
    const links = [greenLink({ name: 'x0', alias: undefined }), greenLink({ name: 'y0', alias: 'podwire:uid-2:1' })];
    assert.deepEqual(found({ sandboxes: sandbox([greenLink(), wiredLink(), ...links]) }), []);
  });

  test('finds records of a sandbox that has ended or that nobody knows', () => {
    const gone = { sandboxes: [], runtime: new Map() };
    assert.deepEqual(found(gone), ['record tell green', 'record tell net1']);
    assert.deepEqual(found({ sandboxes: [], runtime: new Map([[SANDBOX, 'not-ready']]) }), [
      'record tell green',
      'record tell net1',
    ]);
  });

  test('only reports reservations and cache files of sandboxes that nobody knows', () => {
    const known = { network: 'wired', address: '10.2.0.2', sandboxId: SANDBOX, interfaceName: 'net1' };
    const strange = { network: 'x', address: '10.2.0.3', sandboxId: 'f'.repeat(64), interfaceName: 'net1' };
    const torn = { network: 'x', address: '10.2.0.4', sandboxId: '', interfaceName: '' };
    const cacheFiles = [
      { file: '/r/a', sandboxId: SANDBOX, interfaceName: 'net1', network: 'wired' },
      { file: '/r/b', sandboxId: 'f'.repeat(64), interfaceName: 'net1', network: 'x' },
    ];
    assert.deepEqual(found({ reservations: [known, strange, torn], cacheFiles }), [
      'reservation report 10.2.0.3',
      'reservation report 10.2.0.4',
      'cache-file report /r/b',
    ]);
  });

  test('leaves the reservations of records whose sandbox is gone to those records', () => {
    const own = { network: 'wired', address: '10.2.0.2', sandboxId: SANDBOX, interfaceName: 'net1' };
    assert.deepEqual(found({ sandboxes: [], runtime: new Map(), reservations: [own] }), [
      'record tell green',
      'record tell net1',
    ]);
  });

  test('gives the same thing the same id, and another one after it was made anew', () => {
    const id = (links: Parameters<typeof view>[0], generation: number): string | undefined =>
      classify(
        snapshot({
          sandboxes: sandbox(links),
          journal: [journalEntry({}, generation)],
          records: [stored(vxlanRecord()), stored(cniRecord({ generation }))],
        }),
      )[0]?.id;
    assert.equal(id([greenLink()], 3), id([greenLink()], 3));
    assert.notEqual(id([greenLink()], 3), id([greenLink()], 4));
  });
});
