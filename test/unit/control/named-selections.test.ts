import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DesiredState } from '../../../activities/control/desired-state.ts';
import {
  standingRefusals,
  namedSelections,
  type NamedSelection,
} from '../../../activities/control/named-selections.ts';
import { inputsHash } from '../../../adapters/hash/inputs-hash.ts';
import type { Dialect, ForeignAttachment, NetworkSelection } from '../../../domain/network-selection.ts';
import type { AttachmentRecord, RefusalRecord } from '../../../domain/records.ts';
import { cniIntent, intent } from '../../etcd/some-records.ts';
import { podWith } from '../openvnf/parsing.ts';

/** Each dialect names its network after itself. */
function selection(dialect: Dialect, interfaceName: string, name: string = dialect): NetworkSelection {
  const network = { scope: 'red', name };
  if (dialect === 'openvnf') {
    return { kind: 'vxlan', dialect, network, link: { ...intent('red', 7).link, interfaceName } };
  }
  const cni = { kind: 'cni', interfaceName, capabilityArgs: {}, args: [], defaultRoute: [] } as const;
  return { kind: 'cni', dialect, network, cni, config: { uid: 'u', text: '{}' } };
}

const recordOf = (desired: NetworkSelection, interfaceName: string): AttachmentRecord =>
  desired.kind === 'vxlan'
    ? intent('red', 7, { network: desired.network, interfaceName, link: desired.link })
    : cniIntent('red', {
        ...{ dialect: desired.dialect, network: desired.network, interfaceName },
        cni: { ...desired.cni, interfaceName },
      });

function allDesired(
  selections: readonly NetworkSelection[],
  recorded: readonly AttachmentRecord[] = [],
  foreign: readonly ForeignAttachment[] = [],
  reserved: readonly string[] = [],
  refusals: readonly RefusalRecord[] = [],
): readonly NamedSelection[] {
  const parsed = { selections, problems: [], warnings: [], keep: [], foreign, reserved };
  const desiredState: DesiredState = {
    pod: podWith(undefined),
    parsed,
    inputsHash: 'inputs',
    askedHash: 'asked',
    recorded: [],
  };
  return namedSelections(inputsHash, desiredState, recorded, refusals);
}

const refusalOf = (
  { network }: NetworkSelection,
  interfaceName: string,
  change: Partial<RefusalRecord> = {},
): RefusalRecord => ({
  ...{ v: 1, namespace: 'red', name: 'web', inputsHash: 'inputs', network, interfaceName },
  ...{ code: 'InterfaceConflict', message: 'somebody else has it', ...change },
});

/** Those without a conflict, as `dialect interface`. */
const carriedOut = (all: readonly NamedSelection[]): string[] =>
  all
    .filter(({ conflict }) => conflict === undefined)
    .map(({ selection: { dialect }, interfaceName }) => `${dialect} ${interfaceName}`);

describe('an interface that two dialects want', () => {
  const all = (['npwg', 'openvnf', 'kaloom'] as const).map((dialect) => selection(dialect, 'net1'));
  const [npwg, openvnf, kaloom] = all as [NetworkSelection, NetworkSelection, NetworkSelection];

  it('goes to npwg, then openvnf, then kaloom, in whatever order they are read', () => {
    assert.deepEqual(carriedOut(allDesired([kaloom, openvnf, npwg])), ['npwg net1']);
    assert.deepEqual(carriedOut(allDesired([kaloom, openvnf])), ['openvnf net1']);
    assert.deepEqual(carriedOut(allDesired([kaloom, npwg])), ['npwg net1']);
  });

  it('stays with the dialect that has it', () => {
    assert.deepEqual(carriedOut(allDesired(all, [recordOf(kaloom, 'net1')])), ['kaloom net1']);
    assert.deepEqual(carriedOut(allDesired(all, [recordOf(openvnf, 'net1')])), ['openvnf net1']);
    const otherNetwork = recordOf(selection('kaloom', 'net1', 'older'), 'net1');
    assert.deepEqual(carriedOut(allDesired(all, [otherNetwork])), ['kaloom net1']);
  });

  it('goes by the order again when the dialect that has it does not ask for it any more', () => {
    assert.deepEqual(carriedOut(allDesired([openvnf, npwg], [recordOf(kaloom, 'net1')])), ['npwg net1']);
  });

  it('is refused to the loser, who is told which network comes first, and keeps everything else', () => {
    const all3 = allDesired([npwg, openvnf, selection('openvnf', 'other', 'b')]);
    assert.deepEqual(carriedOut(all3), ['npwg net1', 'openvnf other']);
    const { code, message } = all3[1]?.conflict ?? { code: '', message: '' };
    assert.equal(code, 'InterfaceWantedTwice');
    assert.match(message, /network npwg in the npwg annotation asks for interface net1 as well/);
  });
});

describe('an interface that podwire chose and that another network then asks for', () => {
  const unnamed = selection('npwg', '', 'a');
  const recorded = [recordOf(unnamed, 'net1')];
  const newcomer = (dialect: Dialect): NetworkSelection => selection(dialect, 'net1', 'b');

  it('stays with the network that has it, and the newcomer is told what to do', () => {
    const made = allDesired([newcomer('npwg'), unnamed], recorded);
    assert.deepEqual(
      made.map(({ selection: { network }, interfaceName, conflict }) => [network.name, interfaceName, conflict?.code]),
      [
        ['b', 'net1', 'InterfaceConflict'],
        ['a', 'net1', undefined],
      ],
    );
    assert.match(
      made[0]?.conflict?.message ?? '',
      /net1 belongs to network a,.*choose another.*name an interface for network a/,
    );
  });

  it('stays with it whatever the other dialect', () => {
    for (const dialect of ['openvnf', 'kaloom'] as const) {
      assert.deepEqual(carriedOut(allDesired([unnamed, newcomer(dialect)], recorded)), ['npwg net1']);
    }
  });

  it('goes to the newcomer once the network gives it up', () => {
    const leaving = recorded.map((record) => ({ ...record, phase: 'removing' as const }));
    assert.deepEqual(carriedOut(allDesired([newcomer('npwg')], recorded)), ['npwg net1']);
    assert.deepEqual(carriedOut(allDesired([unnamed, newcomer('npwg')], leaving)), ['npwg net2', 'npwg net1']);
    assert.deepEqual(carriedOut(allDesired([selection('npwg', 'x', 'a'), newcomer('npwg')], recorded)), [
      'npwg x',
      'npwg net1',
    ]);
  });
});

describe('wishes', () => {
  it('come in the order of the selections, each with its place', () => {
    const made = allDesired([selection('npwg', 'b'), selection('openvnf', 'a'), selection('kaloom', 'c')]);
    assert.deepEqual(
      made.map(({ interfaceName, index }) => `${interfaceName} ${index}`),
      ['b 0', 'a 1', 'c 2'],
    );
  });

  it('without an interface keep that of their attachment, and take none of the other dialects or runtimes', () => {
    const [a, b] = [selection('npwg', '', 'a'), selection('npwg', '', 'b')];
    assert.deepEqual(carriedOut(allDesired([b, a], [recordOf(a, 'net1'), recordOf(b, 'net2')])), [
      'npwg net2',
      'npwg net1',
    ]);
    assert.deepEqual(carriedOut(allDesired([a, selection('openvnf', 'net1')])), ['npwg net2', 'openvnf net1']);
    assert.deepEqual(carriedOut(allDesired([a], [], [{ interfaceName: 'net1', network: 'x/y' }])), ['npwg net2']);
    assert.deepEqual(carriedOut(allDesired([a], [], [], ['net1'])), ['npwg net2'], 'asked for by a refused entry');
  });

  it('without an interface have the number of their place in the annotation: `a@x,b` makes x and net2', () => {
    const [a, b] = [selection('npwg', 'x', 'a'), { ...selection('npwg', '', 'b'), position: 2 }];
    assert.deepEqual(
      allDesired([a, b]).map(({ interfaceName }) => interfaceName),
      ['x', 'net2'],
    );
  });

  it('are known by the same fingerprint as the records made of them', () => {
    for (const dialect of ['npwg', 'kaloom', 'openvnf'] as const) {
      const one = selection(dialect, 'net1');
      const vtep = podWith(undefined).podIPs[0] ?? '';
      const record = { ...recordOf(one, 'net1'), ...(one.kind === 'vxlan' ? { vtep } : {}) } as AttachmentRecord;
      // A second reading finds the name by the fingerprint, whatever name it is asked for.
      const [desired] = allDesired([one]);
      assert.equal(allDesired([one], [record])[0]?.linkHash, desired?.linkHash);
    }
    const unnamed = selection('npwg', '', 'a');
    assert.equal(allDesired([unnamed], [recordOf(unnamed, 'net9')])[0]?.interfaceName, 'net9');
  });
});

describe('a generated name that turned out to be somebody else’s', () => {
  const [a, b] = [selection('npwg', '', 'a'), selection('npwg', '', 'b')];
  /** Names of the wishes, and which refusals still hold. */
  const after = (
    selections: readonly NetworkSelection[],
    refusals: readonly RefusalRecord[],
    recorded: readonly AttachmentRecord[] = [],
  ): string[] => {
    const desiredNow = allDesired(selections, recorded, [], [], refusals);
    const standing = standingRefusals(inputsHash, refusals, { inputsHash: 'inputs' }, desiredNow, recorded);
    return [
      ...desiredNow.map(({ selection: { network }, interfaceName }) => `${network.name} ${interfaceName}`),
      ...standing.map(({ network, interfaceName }) => `${network.name} not ${interfaceName}`),
    ];
  };

  it('is given to no wish any more, and its refusal is over; what is attached keeps its name', () => {
    assert.deepEqual(after([a], [refusalOf(a, 'net1')]), ['a net2']);
    assert.deepEqual(after([a, b], [refusalOf(a, 'net1')], [recordOf(b, 'net2')]), ['a net3', 'b net2']);
    assert.deepEqual(after([a], [refusalOf(a, 'net1')], [recordOf(a, 'net2')]), ['a net2']);
  });

  it('is tried again by other inputs, and when something else than its name was refused', () => {
    assert.deepEqual(after([a], [refusalOf(a, 'net1', { inputsHash: 'others' })]), ['a net1']);
    assert.deepEqual(after([a], [refusalOf(a, 'net1', { code: 'CniConfigInvalid' })]), ['a net1', 'a not net1']);
  });

  it('stays refused to who asked for it', () => {
    const named = selection('npwg', 'net1', 'c');
    assert.deepEqual(after([named, a], [refusalOf(named, 'net1')]), ['c net1', 'a net2', 'c not net1']);
  });

  it('is refused when it is the ninth', () => {
    const refusals = Array.from({ length: 9 }, (_, index) => refusalOf(a, `net${index + 1}`));
    assert.deepEqual(after([a], refusals), ['a net9', 'a not net9']);
    const [last] = allDesired([a], [], [], [], refusals.slice(0, 8));
    assert.deepEqual([last?.interfaceName, last?.mayBeRenamed], ['net9', false]);
    assert.equal(allDesired([a], [], [], [], refusals.slice(0, 7))[0]?.mayBeRenamed, true);
  });
});
