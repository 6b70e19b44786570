import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { line, parse } from './parsing.ts';

const CLUSTER = { name: 'cbr0', interface: 'eth0', ips: ['10.244.1.2'], default: true, dns: {} };
const entry = (name: string, interfaceName: string) => ({ name, interface: interfaceName });

/** What a pod asks for beside what another runtime, and podwire, have done. */
const seen = (annotation: string, npwgStatus: unknown, publishedStatus: unknown = []) =>
  parse(annotation, {
    pod: {
      npwgStatus: typeof npwgStatus === 'string' ? npwgStatus : JSON.stringify(npwgStatus),
      publishedStatus: typeof publishedStatus === 'string' ? publishedStatus : JSON.stringify(publishedStatus),
    },
  });

describe('what another runtime attached', () => {
  it('is foreign, the default network too, and satisfies the selection it was made for', () => {
    const parsed = seen('a', [CLUSTER, entry('blue/a', 'net1')]);
    assert.deepEqual(parsed.selections, []);
    assert.deepEqual(parsed.problems, []);
    assert.deepEqual(parsed.foreign, [
      { interfaceName: 'eth0', network: 'cbr0' },
      { interfaceName: 'net1', network: 'blue/a' },
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
