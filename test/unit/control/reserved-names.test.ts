import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namedSelections } from '../../../activities/control/named-selections.ts';
import { inputsHash } from '../../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../../adapters/hash/md5.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { desiredInputs } from '../../../domain/desired-inputs.ts';
import type { AttachmentRecord } from '../../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS as settings } from '../../../domain/settings.ts';
import { cniIntent } from '../../etcd/some-records.ts';
import { PLAIN, podWith } from '../npwg/parsing.ts';

/** A pod whose networks all exist but for `missing`. */
function seen(annotation: string, missing: readonly string[] = [], openvnf?: string) {
  const base = podWith(annotation);
  const pod =
    openvnf === undefined
      ? base
      : {
          ...base,
          labels: { [settings.selector]: '' },
          annotations: { ...base.annotations, [settings.annotation]: openvnf },
        };
  const inputs = desiredInputs(
    pod,
    {
      declared: 'absent',
      definitions: (ref) =>
        missing.includes(ref.name) ? 'absent' : { ...ref, uid: ref.name, config: PLAIN, plugin: '' },
      md5,
    },
    settings,
    ipCodec,
  );
  return { pod, ...inputs };
}

function names({ pod, parsed, canonical, asked }: ReturnType<typeof seen>, recorded: readonly AttachmentRecord[] = []) {
  const desiredState = { pod, parsed, inputsHash: inputsHash(canonical), askedHash: inputsHash(asked), recorded: [] };
  return namedSelections(inputsHash, desiredState, recorded, []).map(
    ({ selection, interfaceName, conflict }) =>
      `${selection.network.name} ${interfaceName}${conflict === undefined ? '' : ` ${conflict.code}`}`,
  );
}

/** What is attached of a network that asks for nothing but its name. */
const attached = (name: string, interfaceName: string): AttachmentRecord =>
  cniIntent('blue', {
    phase: 'attached',
    network: { scope: 'blue', name },
    interfaceName,
    cni: { kind: 'cni', interfaceName, capabilityArgs: {}, args: [], defaultRoute: [] },
  });

describe('a name that an entry asks for which is refused for a while', () => {
  const text = '[{"name":"a","interface":"net1"},{"name":"b"}]';

  it('is given to no other network, so that nothing moves when the entry is accepted', () => {
    assert.deepEqual(names(seen(text, ['a'])), ['b net2']);
    assert.deepEqual(names(seen(text), [attached('b', 'net2')]), ['a net1', 'b net2']);
  });

  it('does not take what is attached under it, neither then nor later', () => {
    const recorded = [attached('b', 'net1')];
    assert.deepEqual(names(seen(text, ['a']), recorded), ['b net1']);
    assert.deepEqual(names(seen(text), recorded), ['a net1 InterfaceConflict', 'b net1']);
  });

  it('may be that of any mistake, in any dialect', () => {
    for (const refused of [
      '{"name":"a","interface":"net1","mac":"x"}',
      '{"name":"A","interface":"net1"}',
      '{"interface":"net1"}',
    ]) {
      assert.deepEqual(names(seen(`[${refused},{"name":"b"}]`)), ['b net2'], refused);
    }
    assert.deepEqual(names(seen('b,A@net1')), ['b net2']);
    for (const refused of ['net1', 'net1 id=no', 'x name=net1 id=5 mtu=big', 'y id=7 name=net2, net1 id=7']) {
      assert.ok(
        names(seen('b', [], refused)).some((name) => /^b net[23]$/.test(name)),
        refused,
      );
    }
  });

  it('is one of the inputs, and a name that podwire gives nobody is none', () => {
    const [one, two] = ['net1', 'net2'].map((name) => seen(text.replace('net1', name), ['a']).canonical);
    assert.notEqual(one, two);
    assert.match(one ?? '', /"reserved":\["net1"\]/);
    assert.match(seen(text.replace('net1', 'mine'), ['a']).canonical, /"reserved":\[\]/);
  });
});
