import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namedSelections } from '../../../activities/control/named-selections.ts';
import { ofRecord, ofSelection } from '../../../activities/control/fingerprints.ts';
import { inputsHash } from '../../../adapters/hash/inputs-hash.ts';
import { attachmentSchema } from '../../../adapters/etcd/schemas.ts';
import type { CniSelection, NetworkSelection, VxlanSelection } from '../../../domain/network-selection.ts';
import { mergedNpwgStatus } from '../../../domain/npwg/npwg-status.ts';
import { isKept, keepName, type RecordedAttachment } from '../../../domain/plan/observation.ts';
import type { AttachmentRecord, VxlanAttachmentRecord } from '../../../domain/records.ts';
import { networkStatus } from '../../../domain/status/podwire-status.ts';
import { cniIntent, intent, RESULT } from '../../etcd/some-records.ts';
import { podWith } from '../npwg/parsing.ts';

const through = { dialect: 'npwg', definition: { scope: 'red', name: 'nad' } } as const;
const network = { scope: 'cluster.network', name: 'blue' };

const record = (interfaceName = 'net1'): VxlanAttachmentRecord => {
  const { link, ...rest } = intent('red', 7, { phase: 'attached', result: RESULT, network, through, interfaceName });
  return { ...rest, link: { ...link, interfaceName } };
};

const selection = (interfaceName = ''): VxlanSelection => ({
  ...{ kind: 'vxlan', dialect: 'npwg', network, through, position: 2 },
  link: { ...record().link, interfaceName },
});

const summary = (of: VxlanAttachmentRecord): RecordedAttachment => ({
  ...{ kind: 'vxlan', keepName: keepName(of), node: 'n1', sandboxId: of.sandboxId, network: of.network },
  ...{ interfaceName: of.interfaceName, ...ofRecord(inputsHash, of), phase: 'attached', generation: 1 },
  ...{ modRevision: '1', completed: true },
});

describe('an attachment that a definition led to a network object', () => {
  it('is read back from etcd with the way it came', () => {
    assert.deepEqual(attachmentSchema.parse(JSON.parse(JSON.stringify(record()))), record());
  });

  it('keeps the name that podwire chose, and gets that of its place at first', () => {
    const state = {
      ...{ pod: podWith('x'), inputsHash: 'i', askedHash: 'a', recorded: [] },
      parsed: { selections: [selection()], problems: [], warnings: [], keep: [] },
    };
    const names = (records: readonly VxlanAttachmentRecord[]): string[] =>
      namedSelections(inputsHash, state, records, []).map(({ interfaceName }) => interfaceName);
    assert.deepEqual(names([]), ['net2']);
    const { vtep } = record();
    const known = { ...record('net7'), vtep };
    const inPod = { ...state, pod: { ...state.pod, podIPs: [vtep] } };
    const kept = namedSelections(inputsHash, inPod, [known], []).map(({ interfaceName }) => interfaceName);
    assert.deepEqual(kept, ['net7']);
    const { link, ...rest } = selection();
    const edited: VxlanSelection = { ...rest, link: { ...link, addresses: ['10.9.9.9/24'], vni: 8 } };
    const after = namedSelections(
      inputsHash,
      { ...inPod, parsed: { ...inPod.parsed, selections: [edited] } },
      [known],
      [],
    );
    assert.deepEqual(
      after.map(({ interfaceName }) => interfaceName),
      ['net7'],
      'an edit changes the link, not its name',
    );
  });

  describe('whose definition was edited', () => {
    const cni: CniSelection = {
      ...{ kind: 'cni', dialect: 'npwg', network: through.definition, position: 2 },
      ...{ cni: { kind: 'cni', interfaceName: '', capabilityArgs: {}, args: [], defaultRoute: [] } },
      config: { uid: 'u', text: '{}' },
    };
    const made = cniIntent('red', { network: through.definition, interfaceName: 'net7', cni: cni.cni });
    const named = (selections: readonly NetworkSelection[], records: readonly AttachmentRecord[]) =>
      namedSelections(
        inputsHash,
        {
          ...{ pod: podWith('x'), inputsHash: 'i', askedHash: 'a', recorded: [] },
          parsed: { selections, problems: [], warnings: [], keep: [] },
        },
        records,
        [],
      ).map(({ interfaceName, askedAs }) => `${interfaceName} ${askedAs}`);

    it('is known as that of its entry, and so is its name', () => {
      const moved = { ...selection(), network: { scope: 'cluster.network', name: 'green' } };
      assert.deepEqual(named([moved], [record('net7')]), ['net7 npwg:red/nad']);
      assert.deepEqual(named([cni], [record('net7')]), ['net7 npwg:red/nad']);
      assert.deepEqual(named([selection()], [made]), ['net7 npwg:red/nad']);
    });

    it('gives its name to one entry of the definition, and to none of another one', () => {
      assert.deepEqual(named([cni, { ...cni, position: 3 }], [record('net7')]), [
        'net7 npwg:red/nad',
        'net3 npwg:red/nad',
      ]);
      const other = { ...cni, network: { scope: 'red', name: 'other' } };
      assert.deepEqual(named([other], [record('net7')]), ['net2 npwg:red/other']);
    });
  });

  it('is not asked for by an annotation that declares a network of its name itself', () => {
    const own: VxlanSelection = {
      ...{ kind: 'vxlan', dialect: 'openvnf', network: { scope: 'cluster', name: 'blue' } },
      link: selection('blue').link,
    };
    const askedAsOf = (inline: readonly string[]): unknown[] =>
      namedSelections(
        inputsHash,
        {
          ...{ pod: podWith('x'), inputsHash: 'i', askedHash: 'a', recorded: [] },
          parsed: { selections: [own], problems: [], warnings: [], keep: [], inline },
        },
        [],
        [],
      ).map(({ askedAs }) => askedAs);
    assert.deepEqual([askedAsOf(['blue']), askedAsOf(['other'])], [[undefined], ['blue']]);
  });

  describe('of a network that several entries lead to', () => {
    const again = {
      ...selection(),
      through: { ...through, definition: { scope: 'red', name: 'again' } },
      position: 1,
    };
    const openvnf: VxlanSelection = { kind: 'vxlan', dialect: 'openvnf', network, link: selection('blue').link };
    const bare = intent('red', 7, { phase: 'attached', result: RESULT, network, interfaceName: 'blue' });
    const named = (selections: readonly NetworkSelection[], records: readonly AttachmentRecord[] = []) =>
      namedSelections(
        inputsHash,
        {
          ...{ pod: podWith('x'), inputsHash: 'i', askedHash: 'a', recorded: [] },
          parsed: { selections, problems: [], warnings: [], keep: [] },
        },
        records,
        [],
      );
    const without = (...args: Parameters<typeof named>): unknown[] =>
      named(...args).map(({ interfaceName, conflict }) => [interfaceName, conflict?.code]);

    it('is one interface: of the first entry in the order of the dialects', () => {
      const expected = [
        ['net1', undefined],
        ['net2', 'DuplicateNetwork'],
        ['blue', 'DuplicateNetwork'],
      ];
      assert.deepEqual(without([again, selection(), openvnf]), expected);
      assert.deepEqual(without([openvnf, again, selection()]), [...expected.slice(2), ...expected.slice(0, 2)]);
      const message = named([again, openvnf])[1]?.conflict?.message ?? '';
      assert.match(
        message,
        /cluster.network\/blue, to which entry red\/again of the npwg annotation leads as well; allowed/,
      );
    });

    it('is that of the entry that is attached, whatever comes before it', () => {
      const npwg = [
        ['net1', 'DuplicateNetwork'],
        ['net7', undefined],
      ];
      assert.deepEqual(without([again, selection(), openvnf], [record('net7')]), [
        ...npwg,
        ['blue', 'DuplicateNetwork'],
      ]);
      assert.deepEqual(without([again, openvnf], [bare]), [
        ['net1', 'DuplicateNetwork'],
        ['blue', undefined],
      ]);
      assert.deepEqual(without([again, openvnf], [{ ...bare, phase: 'removing' }])[0], ['net1', undefined]);
    });

    it('stays with the entry that has it when that is named twice, or asks for another name', () => {
      assert.deepEqual(without([selection('data0'), selection('net7')], [record('net7')]), [
        ['data0', 'DuplicateNetwork'],
        ['net7', undefined],
      ]);
      assert.deepEqual(without([again, selection('data0')], [record('net7')]), [
        ['net1', 'DuplicateNetwork'],
        ['data0', undefined],
      ]);
    });

    it('is nothing that networks of annotations and of the ConfigMap know', () => {
      const map = { scope: 'cluster', name: 'blue' };
      assert.deepEqual(without([{ ...openvnf, network: map }, selection()]), [
        ['blue', undefined],
        ['net2', undefined],
      ]);
    });
  });

  it('is another one when it comes through another definition, and the same whatever its interface is called', () => {
    const { vtep } = record();
    const print = (of: VxlanSelection): string => ofSelection(inputsHash, of, vtep).linkHash;
    assert.equal(print(selection()), ofRecord(inputsHash, record('data0')).linkHash);
    const other = { ...selection(), through: { ...through, definition: { scope: 'red', name: 'other' } } };
    assert.notEqual(print(other), print(selection()));
    assert.equal(
      ofSelection(inputsHash, other, vtep).tunnelHash,
      ofSelection(inputsHash, selection(), vtep).tunnelHash,
    );
  });

  it('is kept for the sake of its definition, and not by what openvnf keeps', () => {
    const known = summary(record());
    assert.equal(known.keepName, 'npwg:red/nad');
    const kept = (keep: readonly string[], keepAll = false): boolean => isKept(known, { keep, keepAll });
    assert.deepEqual([kept(['npwg:red/nad']), kept(['npwg:*']), kept(['npwg:@net1'])], [true, true, true]);
    assert.deepEqual([kept(['blue', 'openvnf:*'], true), kept(['kaloom:*'])], [false, false]);
    assert.equal(isKept(summary(intent('red', 7)), { keep: [], keepAll: true }), true);
  });

  it('is in both status annotations, in the standard one under the name of the definition', () => {
    const [own] = networkStatus([record()], [], [], []);
    assert.deepEqual([own?.name, own?.dialect, own?.vni, own?.state], ['cluster.network/blue', 'npwg', 7, 'Attached']);
    const [entry] = JSON.parse(mergedNpwgStatus(undefined, [], [record()]) ?? '[]') as unknown[];
    assert.deepEqual(entry, {
      ...{ name: 'red/nad', interface: 'net1', ips: ['10.1.0.1'], mac: RESULT.mac, mtu: RESULT.mtu },
      ...{ default: false, dns: {} },
    });
    assert.equal(mergedNpwgStatus(undefined, [], [intent('red', 7, { phase: 'attached', result: RESULT })]), undefined);
  });
});
