/** What Multus attached, taken over and detached by podwire, with real plugins; Multus itself is a stand-in (multus-stand-in.ts). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, it } from 'node:test';
import { createNodeSteps } from '../../activities/network/index.ts';
import type { TakeOverInput } from '../../activities/network/network-contract.ts';
import { createMultusCache } from '../../adapters/cni/multus-cache.ts';
import type { CniAttachmentRecord } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { hostLocal, NEVER } from './cni-bench.ts';
import { cniNodeForTests } from './cni-node.ts';
import { attachByMultus, multusDir, type MultusAttachment } from './multus-stand-in.ts';
import { NODE, type Pod } from './node-under-test.ts';

const IP = '/usr/sbin/ip';

const POLICY = { ...DEFAULT_DIALECT_SETTINGS.cniPolicy, hostKeys: ['dataDir'] };
const bed = cniNodeForTests({
  onHost: true,
  deps: (bench) => ({ foreign: { cache: createMultusCache(multusDir(bench)), policy: POLICY } }),
});
let pod: Pod;
let made: MultusAttachment;
beforeEach(async () => {
  pod = await bed.node.pod();
  made = await attachByMultus(bed.bench, pod, 'net1', config());
});

/** A chain with a subnet of its own, whose rules on the host name the pod's address. */
const config = (): { readonly name: string; readonly plugins: object[]; readonly cniVersion: string } => {
  const name = `m${randomBytes(3).toString('hex')}`;
  const ipam = hostLocal(bed.bench, '10.19.0.0/24');
  const plugins = [
    { type: 'bridge', bridge: `b${name}`, ipam },
    { type: 'firewall', backend: 'iptables' },
  ];
  return { cniVersion: '1.0.0', name, plugins };
};

const input = (): TakeOverInput => ({
  ...{ node: NODE, podUid: pod.uid, namespace: 'default', name: 'a', sandboxId: pod.sandboxId, interfaceName: 'net1' },
  network: { scope: 'default', name: 'red' },
});

const stored = async (): Promise<CniAttachmentRecord | undefined> => {
  const found = (await bed.node.store.readAttachment(input()))?.value;
  return found?.kind === 'cni' ? found : undefined;
};

async function detach() {
  const record = await stored();
  assert.ok(record);
  const { value, modRevision } = bed.node.store.put({
    ...record,
    phase: 'removing',
    generation: record.generation + 1,
  });
  const { podUid, sandboxId, interfaceName, generation } = value;
  return bed.steps.cniDelete({ node: NODE, podUid, sandboxId, interfaceName, generation, modRevision }, NEVER);
}

const isThere = async (): Promise<boolean> => (await pod.view()).links.some(({ name }) => name === 'net1');
const rules = (): Promise<string> => bed.bench.host.exec(['/usr/sbin/iptables', '-S']);
const reserved = (): string[] => bed.bench.reserved(made.call.networkName);

async function stays(message: RegExp): Promise<void> {
  const before = existsSync(made.file) ? readFileSync(made.file, 'utf8') : undefined;
  await assert.rejects(bed.steps.takeOverForeign(input(), NEVER), (error: Error & { code: string }) => {
    assert.equal(error.code, 'ForeignKept', error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual([await isThere(), await stored(), reserved().length], [true, undefined, 1]);
  assert.equal(await bed.deps.journal.read(pod.sandboxId, 'net1'), undefined);
  assert.equal(existsSync(made.file) ? readFileSync(made.file, 'utf8') : undefined, before);
}

describe('an attachment of Multus', () => {
  it('is recorded with what Multus attached it with, nothing of it touched; its DEL leaves nothing in pod and host', async () => {
    assert.deepEqual(await bed.steps.takeOverForeign(input(), NEVER), { outcome: 'taken' });
    const record = await stored();
    assert.deepEqual(
      [record?.phase, record?.configText, record?.result?.mac, record?.result?.addresses],
      ['attached', made.call.configText, made.mac, made.ips],
    );
    const entry = await bed.deps.journal.read(pod.sandboxId, 'net1');
    assert.deepEqual(entry?.call, made.call);
    assert.ok(await isThere());
    assert.deepEqual(await bed.steps.takeOverForeign(input(), NEVER), { outcome: 'recorded' });

    assert.deepEqual(await detach(), { outcome: 'removed' });
    assert.deepEqual([await isThere(), reserved(), existsSync(made.file)], [false, [], false]);
    assert.doesNotMatch(await rules(), /10\.19\.0\./);
    assert.equal(await bed.deps.journal.read(pod.sandboxId, 'net1'), undefined);
  });

  it('that is away harms nobody when Multus deletes it once more, though its address is another pod’s by then', async () => {
    await bed.steps.takeOverForeign(input(), NEVER);
    await detach();
    const other = await bed.node.pod();
    const ipam = {
      ...hostLocal(bed.bench, '10.19.0.0/24'),
      ranges: [[{ subnet: '10.19.0.0/24', rangeStart: '10.19.0.2' }]],
    };
    const next = { ...(JSON.parse(made.call.configText) as ReturnType<typeof config>) };
    const [bridge, firewall] = next.plugins;
    const name = `${next.name}x`;
    const { ips } = await attachByMultus(bed.bench, other, 'net1', {
      ...next,
      name,
      plugins: [{ ...bridge, ipam }, firewall],
    });
    assert.deepEqual(ips, made.ips);
    const before = await rules();
    assert.match(before, /10\.19\.0\.2/);
    await made.del();
    assert.equal(await rules(), before);
    assert.deepEqual([(await other.view()).links.some(({ name: link }) => link === 'net1'), reserved()], [true, []]);
  });

  it('has its journal also where the worker was killed behind the record', async () => {
    const hit = async (point: string): Promise<void> => {
      if (point === 'takeOverForeign:after-record') throw new Error('killed');
    };
    await assert.rejects(
      createNodeSteps({ ...bed.deps, failpoints: { hit } }).takeOverForeign(input(), NEVER),
      /killed/,
    );
    assert.equal(await bed.deps.journal.read(pod.sandboxId, 'net1'), undefined);
    assert.deepEqual(await bed.steps.takeOverForeign(input(), NEVER), { outcome: 'taken' });
    await detach();
    assert.deepEqual([await isThere(), reserved(), existsSync(made.file)], [false, [], false]);
  });

  it('goes also when the journal is lost, by the record', async () => {
    await bed.steps.takeOverForeign(input(), NEVER);
    await bed.deps.journal.remove(pod.sandboxId, 'net1');
    await detach();
    assert.deepEqual([await isThere(), reserved()], [false, []]);
  });

  it('gives way to what is attached in its place: its DEL comes first', async () => {
    await bed.steps.takeOverForeign(input(), NEVER);
    const record = await stored();
    assert.ok(record);
    const { network, dialect, cni, configText, definitionUid } = record;
    const ptp = { ...config(), plugins: [{ type: 'ptp', ipam: hostLocal(bed.bench, '10.20.0.0/24') }] };
    const edited = bed.node.store.put<CniAttachmentRecord>({
      ...record,
      ...{
        phase: 'intent',
        generation: 2,
        configText: JSON.stringify(ptp),
        network: { scope: 'default', name: 'blue' },
      },
      madeWith: { network, dialect, cni, configText, definitionUid },
    });
    const { podUid, sandboxId, interfaceName, generation } = edited.value;
    const { modRevision } = edited;
    const result = await bed.steps.cniAdd(
      { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision },
      NEVER,
    );
    assert.match(result.addresses.join(), /^10\.20\.0\./);
    assert.deepEqual([reserved(), existsSync(made.file)], [[], false]);
    assert.doesNotMatch(await rules(), /10\.19\.0\./);
  });

  it('stays where Multus keeps nothing of it', async () => {
    rmSync(made.file);
    await stays(/keeps nothing of it in .*--multus-cni-dir/);
  });

  it('stays where what Multus keeps is damaged, or about something else', async () => {
    const whole = JSON.parse(readFileSync(made.file, 'utf8')) as Record<string, unknown>;
    for (const [change, message] of [
      ['{"kind":', /malformed|expected|invalid/i],
      [{ kind: 'cniCacheV2' }, /kind/],
      [{ containerId: 'b'.repeat(64) }, /it is about net1 of b+/],
      [{ ifName: 'net2' }, /it is about net2/],
      [{ config: 'no base64!' }, /config/],
      [{ config: Buffer.from('{}').toString('base64') }, /config: /],
      [{ networkName: 'other' }, /networkName is other/],
      [{ result: { cniVersion: '1.0.0', ips: 7 } }, /result: /],
      [{ cniArgs: [['A', 'b;c=d']] }, /cniArgs/],
    ] as const) {
      writeFileSync(made.file, typeof change === 'string' ? change : JSON.stringify({ ...whole, ...change }));
      await stays(message);
    }
  });

  it('stays where the administrator does not allow its plugins or keys', async () => {
    const policy = { pluginTypes: ['bridge'], hostKeys: [] };
    const strict = createNodeSteps({ ...bed.deps, foreign: { ...bed.deps.foreign, policy } });
    await assert.rejects(strict.takeOverForeign(input(), NEVER), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ForeignKept');
      assert.match(error.message, /not allowed: .*dataDir.*--cni-host-keys.*"firewall".*--cni-plugin-types/);
      return true;
    });
    assert.deepEqual([await isThere(), await stored()], [true, undefined]);
  });

  it('stays where something else has its name in the pod', async () => {
    await pod.netns.exec([IP, 'link', 'set', 'net1', 'address', '02:00:00:00:12:34']);
    await stays(/has the MAC 02:00:00:00:12:34, and Multus made one with/);
  });
});
