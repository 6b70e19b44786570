import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { md5 } from '../../../adapters/hash/md5.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { desiredInputs } from '../../../domain/desired-inputs.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { line, parse, PLAIN, podWith } from './parsing.ts';

const CLUSTER = { name: 'cbr0', interface: 'eth0', ips: ['10.244.1.2'], default: true, dns: {} };
const entry = (name: string, interfaceName: string) => ({ name, interface: interfaceName });

/** An entry of podwire's own status. */
const published = (change: object) => ({ name: 'blue/a', interface: 'net1', state: 'Attached', ...change });

/** What a pod asks for beside what another runtime, and podwire, have done. */
const seen = (annotation: string, npwgStatus: unknown, publishedStatus: unknown = []) =>
  parse(annotation, {
    pod: {
      npwgStatus: typeof npwgStatus === 'string' ? npwgStatus : JSON.stringify(npwgStatus),
      publishedStatus: typeof publishedStatus === 'string' ? publishedStatus : JSON.stringify(publishedStatus),
    },
  });

describe('what another runtime attached, and podwire is to take away', () => {
  const npwg = { ...DEFAULT_DIALECT_SETTINGS.npwg, adoptForeign: true };
  const was = (name: string, interfaceName: string) => ({
    name,
    interface: interfaceName,
    dialect: 'npwg',
    state: 'Foreign',
  });
  /** Interfaces that are to go. */
  const takenOut = (annotation: string | undefined, published: readonly unknown[], settings: object = { npwg }) =>
    parse(annotation, {
      settings,
      pod: {
        npwgStatus: JSON.stringify([CLUSTER, entry('blue/a', 'net1'), entry('b', 'net2'), entry('blue/a', 'net3')]),
        publishedStatus: JSON.stringify(published),
      },
    }).foreign?.flatMap(({ interfaceName, takenOut: network }) =>
      network === undefined ? [] : [`${interfaceName} ${network.scope}/${network.name}`],
    );
  const ALL = [was('blue/a', 'net1'), was('blue/b', 'net2')];

  it('is what its status says was asked for, and the annotation asks for no more', () => {
    assert.deepEqual(takenOut('a', ALL), ['net2 blue/b']);
    assert.deepEqual(takenOut('a@net3', ALL), ['net1 blue/a', 'net2 blue/b']);
    for (const nothing of ['', '[]', undefined])
      assert.deepEqual(takenOut(nothing, ALL), ['net1 blue/a', 'net2 blue/b']);
    assert.deepEqual(takenOut('c@net1', ALL), ['net1 blue/a', 'net2 blue/b']);
  });

  it('is nothing that the annotation was never seen to ask for: Multus has default networks', () => {
    assert.deepEqual(takenOut('', []), []);
    assert.deepEqual(takenOut('', [was('blue/b', 'net1'), was('blue/a', 'net9'), { ...ALL[0], state: 'Refused' }]), []);
  });

  it("is never the pod's own network", () => {
    assert.deepEqual(takenOut('', [was('cbr0', 'eth0'), was('blue/cbr0', 'eth0')]), []);
    const other = JSON.stringify([entry('blue/a', 'eth0')]);
    const pod = { npwgStatus: other, publishedStatus: JSON.stringify([was('blue/a', 'eth0')]) };
    assert.equal(parse('', { settings: { npwg }, pod }).foreign?.[0]?.takenOut, undefined);
  });

  it('is nothing while the annotation cannot be read, nor of a network or interface whose entry is wrong', () => {
    assert.deepEqual(takenOut('[{"name":', ALL), []);
    assert.deepEqual(takenOut('[{"name":"a","interface":"lo"}]', ALL), ['net2 blue/b']);
  });

  it('is nothing where the administrator did not ask for it', () => {
    assert.deepEqual(takenOut('', ALL, {}), []);
  });
});

describe('what another runtime attached', () => {
  it('is foreign, the default network too, and satisfies the selection it was made for', () => {
    const parsed = seen('a', [CLUSTER, entry('blue/a', 'net1')]);
    assert.deepEqual(parsed.selections, []);
    assert.deepEqual(parsed.problems, []);
    assert.deepEqual(parsed.foreign, [
      { interfaceName: 'eth0', network: 'cbr0' },
      { interfaceName: 'net1', network: 'blue/a', satisfies: { scope: 'blue', name: 'a' } },
    ]);
  });

  it('is not the entry of the pod’s own network that podwire wrote', () => {
    const own = { name: 'default', interface: 'eth0', ips: ['10.244.1.2'], default: true, dns: {} };
    assert.deepEqual(seen('a', [own]).foreign, []);
    assert.deepEqual(seen('a', [{ ...own, mac: '02:00:00:00:00:01' }]).foreign, [
      { interfaceName: 'eth0', network: 'default' },
    ]);
  });

  it('satisfies one selection only', () => {
    assert.deepEqual(seen('a,a', [entry('blue/a', 'net1')]).selections.map(line), ['blue/a']);
  });

  it('satisfies the selection that names its interface rather than an earlier one that names none', () => {
    assert.deepEqual(seen('a,a@x', [entry('blue/a', 'x')]).selections.map(line), ['blue/a']);
    assert.deepEqual(seen('a@y', [entry('blue/a', 'x')]).selections.map(line), ['blue/a@y']);
  });

  it('may be named without its namespace, which is the pod’s', () => {
    assert.deepEqual(seen('a', [entry('a', 'net1')]).selections, []);
    assert.deepEqual(seen('a', [entry('red/a', 'net1')]).selections.map(line), ['blue/a']);
  });

  it('keeps its interface from other networks', () => {
    const parsed = seen('b@net1', [entry('blue/a', 'net1')]);
    assert.deepEqual(parsed.selections, []);
    assert.deepEqual(
      parsed.problems.map(({ code, network }) => [code, network]),
      [['InterfaceTaken', 'blue/b']],
    );
    assert.deepEqual(parsed.keep, ['npwg:blue/b']);
    assert.equal(seen('cbr0@net9', [{ ...CLUSTER, interface: 'net9' }]).problems[0]?.code, 'InterfaceTaken');
  });

  it('is not what podwire attached or is about to take away', () => {
    const status = [CLUSTER, entry('blue/a', 'net1'), entry('blue/b', 'net2')];
    const own = [
      { name: 'blue/a', interface: 'net1', state: 'Attached' },
      { name: 'blue/b', interface: 'net2', state: 'Detaching' },
    ];
    const parsed = seen('a', status, own);
    assert.deepEqual(parsed.selections.map(line), ['blue/a']);
    assert.deepEqual(parsed.foreign, [{ interfaceName: 'eth0', network: 'cbr0' }]);
  });

  it('is what podwire was refused', () => {
    const own = [{ name: 'blue/b', interface: 'net1', state: 'Refused' }];
    assert.deepEqual(seen('', [entry('blue/a', 'net1')], own).foreign, [{ interfaceName: 'net1', network: 'blue/a' }]);
  });

  it('is what has another MAC or other addresses than podwire’s link of that name: the sandbox is another one', () => {
    const own = [published({ mac: '02:00:00:00:00:01', ips: ['10.1.0.1/24', 'fd00::1/64'] })];
    const own1 = { ...entry('blue/a', 'net1'), mac: '02:00:00:00:00:01', ips: ['10.1.0.1', 'fd00::1'] };
    const isForeign = (change: object) => (seen('a', [{ ...own1, ...change }], own).foreign ?? []).length > 0;
    assert.equal(isForeign({}), false);
    assert.equal(isForeign({ mac: '02:00:00:00:00:99' }), true);
    assert.equal(isForeign({ ips: ['10.1.0.2', 'fd00::1'] }), true, 'the annotation may ask for the MAC');
    assert.equal(isForeign({ ips: ['10.1.0.1'] }), true);
    assert.equal(isForeign({ mac: undefined, ips: ['10.1.0.2'] }), true);
    assert.equal(isForeign({ mac: undefined }), false);
    assert.equal(isForeign({ ips: undefined }), false);
    assert.equal(isForeign({ mac: undefined, ips: undefined }), false);
    assert.equal(isForeign({ mac: '02:00:00:00:00:01'.toUpperCase(), ips: ['fd00::1', '10.1.0.1'] }), false);
  });

  it('is not what an older status lists without MAC and addresses', () => {
    const status = [{ ...entry('blue/a', 'net1'), mac: '02:00:00:00:00:01', ips: ['10.1.0.1'] }];
    assert.deepEqual(seen('a', status, [published({})]).foreign, []);
  });

  it('is a link that was made while podwire still tried: its own would have no entry', () => {
    const status = [{ ...entry('blue/a', 'net1'), mac: '02:00:00:00:00:01' }];
    for (const state of ['Attaching', 'Failing', 'Detaching'])
      assert.equal(seen('a', status, [published({ state })]).foreign?.length, 1, state);
  });

  it('is not what podwire has yet to take away, which its status lists with what the kernel showed', () => {
    const mac = '02:00:00:00:00:01';
    const leaving = [published({ state: 'Detaching', mac, ips: ['10.1.0.1/24'] })];
    assert.deepEqual(seen('', [{ ...entry('blue/a', 'net1'), mac, ips: ['10.1.0.1'] }], leaving).foreign, []);
    const other = [{ ...entry('blue/a', 'net1'), mac: '02:00:00:00:00:99', ips: ['10.1.0.1'] }];
    assert.equal(seen('', other, leaving).foreign?.length, 1);
  });

  it('makes other inputs when the pod asks for it, or no more: the status that names it has to be written again', () => {
    const canonical = (annotation: string): string =>
      desiredInputs(
        podWith(annotation, { npwgStatus: JSON.stringify([entry('blue/a', 'net1')]) }),
        { declared: 'absent', definitions: (ref) => ({ ...ref, uid: 'u', config: PLAIN, plugin: '' }), md5 },
        DEFAULT_DIALECT_SETTINGS,
        ipCodec,
      ).canonical;
    assert.notEqual(canonical('b'), canonical('b,a'));
    assert.equal(canonical('b,a'), canonical('b,a@net1'));
  });

  it('is not what podwire has recorded, whatever became of its status', () => {
    const link = { interfaceName: 'net1', isAttached: true, mac: '02:00:00:00:00:01', ips: ['10.1.0.1/24'] };
    const status = JSON.stringify([{ ...entry('blue/a', 'net1'), mac: link.mac, ips: ['10.1.0.1'] }]);
    for (const publishedStatus of [undefined, 'x', '[]', '[{"interface":"net1","state":"Refused"}]']) {
      const pod = { npwgStatus: status, publishedStatus };
      assert.deepEqual(parse('a', { pod }).selections, []);
      const parsed = parse('a', { pod, recorded: [link] });
      assert.deepEqual([parsed.selections.map(line), parsed.foreign], [['blue/a'], []]);
      const old = parse('a', { pod, recorded: [{ ...link, mac: '02:00:00:00:00:77' }] });
      assert.deepEqual(old.selections, [], 'what is recorded is a link of an earlier sandbox');
    }
  });

  it('needs no definition and no shared namespace', () => {
    const parsed = parse('red/a', { definitions: {}, pod: { npwgStatus: JSON.stringify([entry('red/a', 'net1')]) } });
    assert.deepEqual(parsed.problems, []);
    assert.deepEqual(parsed.selections, []);
  });

  it('is nothing where the status cannot be read', () => {
    for (const status of ['', 'x', '{}', '[null,1,{}]', '[{"name":1,"interface":2}]', '['.repeat(100_000)]) {
      const parsed = seen('a', status, status);
      assert.deepEqual(parsed.selections.map(line), ['blue/a']);
      assert.deepEqual(parsed.foreign, []);
    }
  });
});
