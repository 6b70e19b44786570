/** Which sysctls of a pod a configuration has tuning set, and what becomes of them when several networks do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  aboutToChange,
  asGiven,
  inherited,
  toPutBack,
  type ChangedSysctls,
} from '../../../domain/cni/changed-sysctls.ts';
import { namedSysctls } from '../../../domain/cni/named-sysctls.ts';

const named = (
  sysctl: object,
  more: { interfaceName?: string; configArgs?: { sysctl: Record<string, string> } } = {},
) =>
  namedSysctls({
    configText: JSON.stringify({
      ...{ cniVersion: '1.0.0', name: 'tuned' },
      plugins: [
        { type: 'bridge', sysctl: { 'net.core.somaxconn': '1' } },
        { type: 'tuning', sysctl },
      ],
    }),
    ...{ networkName: 'tuned', interfaceName: 'net1', capabilityArgs: {} },
    ...more,
  });

describe('names of sysctls', () => {
  it('have dots or slashes between their parts, and count in the plugin tuning alone', () => {
    assert.deepEqual(named({ 'net.ipv4.conf.all.arp_filter': '1', 'net/core/somaxconn': '9' }), {
      sysctls: [
        { path: 'net/ipv4/conf/all/arp_filter', value: '1' },
        { path: 'net/core/somaxconn', value: '9' },
      ],
      problems: [],
    });
  });

  it('of the own interface go with it, by IFNAME or as they are; those of another one do not', () => {
    const given = { 'net.ipv4.conf.IFNAME.arp_filter': '1', 'net.ipv6.neigh.net1.gc_stale_time': '5' };
    assert.deepEqual(named(given).sysctls, []);
    assert.deepEqual(named({ 'net.ipv4.conf.IFNAME.arp_filter': '1' }, { interfaceName: 'net.1' }), {
      sysctls: [],
      problems: [],
    });
    assert.deepEqual(named({ 'net.ipv4.conf.eth0.arp_filter': '1' }).sysctls, [
      { path: 'net/ipv4/conf/eth0/arp_filter', value: '1' },
    ]);
  });

  it("are also those of the pod's cni-args", () => {
    const configArgs = { sysctl: { 'net.core.somaxconn': '5' } };
    assert.deepEqual(named({}, { configArgs }).sysctls, [{ path: 'net/core/somaxconn', value: '5' }]);
  });

  for (const name of ['net/../kernel/hostname', 'net', 'kernel.hostname', '/net/core/x', 'net..core', 'net.core.a b']) {
    it(`${name} is refused with what is allowed`, () => {
      const { sysctls, problems } = named({ [name]: '1' });
      assert.deepEqual(sysctls, []);
      assert.deepEqual(
        problems.map(({ code }) => code),
        ['CniConfigInvalid'],
      );
      assert.ok(problems[0]?.why.includes(name), problems[0]?.why);
      assert.match(problems[0]?.why ?? '', /allowed: net and at least one more part/);
    });
  }
});

const values = (object: Record<string, string>): ReadonlyMap<string, string> => new Map(Object.entries(object));
const of = (order: number, path: string, before: string, given: string): ChangedSysctls => ({
  order,
  changed: [{ path, before, given: [given] }],
});

describe('changed sysctls', () => {
  it('are recorded with their value, in the order of the ADDs; what cannot be read is not', () => {
    const asked = [
      { path: 'net/a', value: '1  2' },
      { path: 'net/flush', value: '1' },
    ];
    assert.deepEqual(aboutToChange(asked, values({ 'net/a': '0\t0' }), [of(4, 'net/b', '0', '1')]), {
      order: 5,
      changed: [{ path: 'net/a', before: '0\t0', given: ['1\t2'] }],
    });
  });

  it('go back where they are what ADD gave, as the kernel wrote it, and stay where they are not', () => {
    const made = asGiven(of(1, 'net/a', '0', '0x3'), values({ 'net/a': '3' }));
    assert.deepEqual(toPutBack(made, values({ 'net/a': '3' }), []), { write: made.changed, stay: [] });
    assert.deepEqual(toPutBack(made, values({ 'net/a': '4' }), []), { write: [], stay: made.changed });
    for (const now of [values({ 'net/a': '0' }), values({})])
      assert.deepEqual(toPutBack(made, now, []), { write: [], stay: [] });
  });

  it('of which a later attachment set one stay, and it goes back to what they were before the earlier one', () => {
    const [first, second, third] = [of(1, 'net/a', '0', '1'), of(2, 'net/a', '1', '2'), of(3, 'net/a', '2', '3')];
    assert.deepEqual(toPutBack(first, values({ 'net/a': '3' }), [third, second]), { write: [], stay: [] });
    assert.deepEqual(inherited(first, second, [third, second]), of(2, 'net/a', '0', '2'));
    assert.equal(inherited(first, third, [third, second]), undefined);
    assert.equal(inherited(third, second, [first, second]), undefined);
    assert.deepEqual(toPutBack(third, values({ 'net/a': '3' }), [first, second]).write, third.changed);
  });
});
