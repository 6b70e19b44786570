/** The node's own look at the administrator's policy: who can write to podwire's etcd names no program that runs as root. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { allowedPlugins } from '../../../activities/network/cni/allowed-plugins.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { CniCall, CniPlugins } from '../../../domain/ports/cni-plugins.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { journalEntry } from '../sweep/some-node.ts';

const NEVER = new AbortController().signal;
const POLICY = { pluginTypes: ['bridge', 'static'], hostKeys: ['dataDir'] };

let called: string[];
let journaled: CniJournalEntry | undefined;
const noted =
  <T>(name: string, result: T) =>
  async (): Promise<T> => {
    called.push(name);
    return result;
  };
const plugins = (): CniPlugins =>
  allowedPlugins(
    {
      add: noted('add', { text: '', cniVersion: '1.1.0', interfaces: [], ips: [], routes: [] }),
      del: noted('del', undefined),
      check: noted('check', { kind: 'ok' as const }),
      ready: noted('ready', undefined),
      gc: noted('gc', true),
      facts: () => ({ gateways: [], others: [] }),
    },
    POLICY,
    { read: async () => journaled },
  );

const callWith = (config: object, change: Partial<CniCall> = {}): CniCall => ({
  ...journalEntry().call,
  configText: JSON.stringify({ cniVersion: '1.1.0', name: 'wired', ...config }),
  ...change,
});
const ALLOWED = callWith({ type: 'bridge', ipam: { type: 'static', dataDir: '/x' } });
const FORBIDDEN: [string, CniCall, RegExp][] = [
  ['a program', callWith({ type: 'evil' }), /"evil".*bridge, static/],
  ['an IPAM program', callWith({ type: 'bridge', ipam: { type: 'evil' } }), /"evil"/],
  ['a key that reaches into the host', callWith({ type: 'bridge', kubeconfig: '/x' }), /"kubeconfig"/],
  ['such a key in the arguments', callWith({ type: 'bridge' }, { configArgs: { sysctl: {} } }), /"sysctl"/],
  ['no configuration', callWith({}, { configText: '{' }), /JSON/i],
];

const refused = (why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PodwireError && error.code === 'CniConfigInvalid', String(error));
  assert.match(error.message, why);
  return true;
};

describe('what etcd holds is run on a node', () => {
  beforeEach(() => {
    called = [];
    journaled = undefined;
  });

  it('when the policy allows it', async () => {
    const p = plugins();
    await p.ready(ALLOWED);
    await p.add(ALLOWED, NEVER);
    await p.check(ALLOWED, '{}', NEVER);
    await p.del(ALLOWED, undefined, NEVER);
    await p.gc(ALLOWED.configText, 'wired', [], NEVER);
    assert.deepEqual(called, ['ready', 'add', 'check', 'del', 'gc']);
  });

  for (const [what, call, why] of FORBIDDEN) {
    it(`not with ${what} that it does not allow`, async () => {
      const p = plugins();
      await assert.rejects(p.add(call, NEVER), refused(why));
      await assert.rejects(p.check(call, '{}', NEVER), refused(why));
      await assert.rejects(p.del(call, undefined, NEVER), refused(why));
      if (call.configArgs === undefined) {
        await assert.rejects(p.ready(call), refused(why));
        await assert.rejects(p.gc(call.configText, 'wired', [], NEVER), refused(why));
      }
      assert.deepEqual(called, []);
    });
  }

  it('to delete what this node added, whatever the policy has become since', async () => {
    const [, call] = FORBIDDEN[0] ?? assert.fail();
    journaled = { ...journalEntry(), call };
    await plugins().del({ ...call, netnsPath: '' }, undefined, NEVER);
    assert.deepEqual(called, ['del']);
    journaled = { ...journalEntry(), call: callWith({ type: 'other' }) };
    await assert.rejects(plugins().del(call, undefined, NEVER), refused(/evil/));
  });
});
