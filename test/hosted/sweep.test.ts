/** Leaks and drift: what nothing living owns goes, what was changed by hand comes back, what is not podwire's is only told. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { declareNetworks, field } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { must } from '../../deploy/lab/commands.ts';
import { inNetns, pathOnHost, podNetnsPath, stopPart, whyFailed } from '../../deploy/lab/lab.ts';
import { startPodwire, nodePart, ORCHESTRATOR_PART, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { podwire } from '../cli/podwire-command.ts';
import { bridgeConfig, defineNetworks, reservations, wantNetworks } from '../lab/cni-networks.ts';
import { labTest, waitEvent, waitFor, waitLink, type LabTest } from '../lab/harness.ts';
import { exactlyOne, nothingLeaked } from '../lab/invariants.ts';
import { readKeys, settledKeys } from '../lab/records.ts';

const INTERVAL_SECONDS = 5;
/** The interval, the pause between the two looks, and some time to make things anew. */
const REPAIR_MS = (INTERVAL_SECONDS + 10) * 1_000;
/** An id that no container runtime has given. */
const STRANGER = 'f00d'.repeat(16);
const SUBNET = '10.78.0.0/24';

/** Runs `ip` in a pod's network namespace, as somebody at the node would. */
async function byHand(t: LabTest, pod: PodRef, words: readonly string[]): Promise<void> {
  const result = await inNetns(await podNetnsPath(t.lab, pod), 'ip', [...words]);
  assert.equal(result.code, 0, whyFailed(result));
}

/** Starts what does not run, and what runs with another interval; the harness sets the usual one again. */
const sweepEvery = (t: LabTest, seconds: number): Promise<void> =>
  startPodwire(t.lab, { env: { PODWIRE_SWEEP_SECONDS: String(seconds) } });

const isAnother =
  (old: SeenLink | undefined) =>
  (link: SeenLink | undefined): boolean =>
    link?.up === true && link.ifindex !== old?.ifindex && link.addresses.length > 0;

/** Says how long a repair took: the figure is what an operator asks for. */
async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  process.stdout.write(`${what}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`);
  return result;
}

describe('a node that is swept every five seconds', () => {
  const t = labTest('sweep');
  let p: PodRef;

  before(async () => {
    await sweepEvery(t, INTERVAL_SECONDS);
    await declareNetworks(t.lab, { swept: 'id=3781 up' });
    await defineNetworks(t.lab, t.namespace, { wired: bridgeConfig('wired', 'br-wired', SUBNET) });
    [p] = (await t.createPods([{ name: 'p', node: t.node(0), networks: 'swept ip=10.37.81.1/24' }])) as [PodRef];
    await wantNetworks(t.lab, p, [{ name: 'wired', interface: 'wired0' }]);
    await waitLink(t.lab, p, 'wired0', (link) => link?.up === true);
    await waitLink(t.lab, p, 'swept', (link) => link?.up === true);
  });

  test('makes a CNI interface anew that somebody deleted, and tells the owner', async () => {
    const old = await podLink(t.lab, p, 'wired0');
    await byHand(t, p, ['link', 'delete', 'wired0']);
    await timed('CNI interface deleted by hand came back after', () =>
      waitLink(t.lab, p, 'wired0', isAnother(old), REPAIR_MS),
    );
    await waitEvent(t.lab, p, 'NetworkDrifted', /^wired0 .*the link is gone/);
    assert.equal(reservations(t.lab, t.node(0), 'wired').length, 1, 'the address of the lost one is given back');
  });

  test('makes a VXLAN link anew that somebody deleted', async () => {
    const old = await podLink(t.lab, p, 'swept');
    await byHand(t, p, ['link', 'delete', 'swept']);
    await timed('VXLAN link deleted by hand came back after', () =>
      waitLink(t.lab, p, 'swept', isAnother(old), REPAIR_MS),
    );
    await waitEvent(t.lab, p, 'NetworkDrifted', /^swept .*the link is gone/);
  });

  test('restores an address, an MTU and a link that is up', async () => {
    await byHand(t, p, ['address', 'delete', '10.37.81.1/24', 'dev', 'swept']);
    const addressed = (link: SeenLink | undefined): boolean => link?.addresses.join() === '10.37.81.1/24';
    await timed('address of a VXLAN link came back after', () => waitLink(t.lab, p, 'swept', addressed, REPAIR_MS));
    await waitEvent(t.lab, p, 'NetworkDrifted', /address 10\.37\.81\.1\/24 is missing/);

    const { mtu = 0 } = (await podLink(t.lab, p, 'swept')) ?? {};
    await byHand(t, p, ['link', 'set', 'swept', 'mtu', '1300', 'down']);
    await timed('MTU and state of a VXLAN link came back after', () =>
      waitLink(t.lab, p, 'swept', (link) => link?.up === true && link.mtu === mtu, REPAIR_MS),
    );

    const old = await podLink(t.lab, p, 'wired0');
    await byHand(t, p, ['address', 'flush', 'dev', 'wired0']);
    await timed('address of a CNI interface came back after', () =>
      waitLink(t.lab, p, 'wired0', isAnother(old), REPAIR_MS),
    );
  });

  test('finds links again that were renamed', async () => {
    const [swept, wired] = [await podLink(t.lab, p, 'swept'), await podLink(t.lab, p, 'wired0')];
    for (const name of ['swept', 'wired0']) {
      await byHand(t, p, ['link', 'set', name, 'down']);
      await byHand(t, p, ['link', 'set', name, 'name', `${name}x`]);
    }
    await waitLink(t.lab, p, 'swept', isAnother(swept), 2 * REPAIR_MS);
    await waitLink(t.lab, p, 'wired0', isAnother(wired), 2 * REPAIR_MS);
    assert.equal(await podLink(t.lab, p, 'sweptx'), undefined);
    assert.equal(await podLink(t.lab, p, 'wired0x'), undefined);
    await exactlyOne(t.lab, [p]);
  });

  test('leaves an address alone that a program in the pod added', async () => {
    const old = await podLink(t.lab, p, 'wired0');
    await byHand(t, p, ['address', 'add', '10.78.0.250/32', 'dev', 'wired0']);
    const { stdout, code } = await podwire(t.lab, ['sweep', t.node(0), '--dry-run']);
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`^nothing found on ${t.node(0)}\n$`));
    assert.equal((await podLink(t.lab, p, 'wired0'))?.ifindex, old?.ifindex);
  });

  test('undoes what was begun with plugins and has no record any more', async () => {
    const node = t.node(0);
    const uid = await field(t.lab, p, '{.metadata.uid}');
    await Promise.all([WATCHER_PART, ORCHESTRATOR_PART].map((part) => stopPart(t.lab, part)));
    await wantNetworks(t.lab, p, null);
    for (const kind of ['attachments', 'cni-results']) {
      const prefix = `/podwire/${kind}/${node}/${uid}/`;
      for (const { key } of (await readKeys(t.lab, prefix)).filter((each) => each.key.endsWith('/wired0'))) {
        await must(t.lab.binaries.etcdctl, [`--endpoints=http://${t.lab.etcd.host}`, 'del', key]);
      }
    }
    const noted = `/podwire/cni-identities/networks/${t.namespace}/wired/`;
    await must(t.lab.binaries.etcdctl, [`--endpoints=http://${t.lab.etcd.host}`, 'del', '--prefix', noted]);
    assert.equal(reservations(t.lab, node, 'wired').length, 1);
    await sweepEvery(t, INTERVAL_SECONDS);
    await timed('an interface without a record was gone after', () =>
      waitLink(t.lab, p, 'wired0', (link) => link === undefined, 2 * REPAIR_MS),
    );
    await waitFor('the address to be free', async () => reservations(t.lab, node, 'wired').length === 0 || undefined, {
      limitMs: 5_000,
    });
    await waitFor('the journal to be empty', async () => journalOf(t, node).length === 0 || undefined, {
      limitMs: 5_000,
    });
  });

  test("takes away a link that says it is podwire's and is not", async () => {
    const uid = await field(t.lab, p, '{.metadata.uid}');
    await byHand(t, p, ['link', 'add', 'lost0', 'type', 'bridge']);
    await byHand(t, p, ['link', 'add', 'mine0', 'type', 'bridge']);
    await byHand(t, p, ['link', 'set', 'lost0', 'alias', `podwire:${uid}:7`]);
    await waitLink(t.lab, p, 'lost0', (link) => link === undefined, REPAIR_MS);
    assert.ok(await podLink(t.lab, p, 'mine0'), "the pod's own link stays");
  });

  test('is as before when everything is deleted', async () => {
    await t.deletePods([p]);
    await nothingLeaked(t.lab, { limitMs: 30_000 });
    assert.deepEqual(journalOf(t, t.node(0)), []);
    const { stdout, code } = await podwire(t.lab, ['sweep']);
    assert.equal(code, 0, stdout);
    assert.equal(stdout, `nothing found on ${t.lab.nodes.map(({ name }) => name).join(', ')}\n`);
  });
});

describe('podwire sweep', () => {
  const t = labTest('sweepcli');
  let p: PodRef;
  let stranger: string;
  let cached: string;

  before(async () => {
    // No sweep but those that this test asks for.
    await sweepEvery(t, 0);
    await defineNetworks(t.lab, t.namespace, { wired: bridgeConfig('wired', 'br-wired', SUBNET) });
    [p] = (await t.createPods([{ name: 'p', node: t.node(0) }])) as [PodRef];
    await wantNetworks(t.lab, p, [{ name: 'wired', interface: 'wired0' }]);
    await waitLink(t.lab, p, 'wired0', (link) => link?.up === true);
    const { cniLibDir = '' } = t.lab.nodes.find(({ name }) => name === t.node(0)) ?? {};
    const [network, results] = [join(cniLibDir, 'networks', 'theirs'), join(cniLibDir, 'results')];
    for (const dir of [network, results]) mkdirSync(dir, { recursive: true });
    stranger = join(network, '10.79.0.9');
    cached = join(results, `theirs-${STRANGER}-net1`);
    writeFileSync(stranger, `${STRANGER}\r\nnet1`);
    const cache = { kind: 'cniCacheV1', containerId: STRANGER, ifName: 'net1', networkName: 'theirs' };
    writeFileSync(cached, JSON.stringify(cache));
  });

  test("shows in a dry run what differs and what is not podwire's, and touches nothing", async () => {
    await byHand(t, p, ['link', 'delete', 'wired0']);
    const before = await settledKeys(t.lab);
    const { stdout, code } = await podwire(t.lab, ['sweep', t.node(0), '--dry-run']);
    process.stdout.write(stdout);
    assert.equal(code, 3);
    assert.match(
      stdout,
      new RegExp(`drift +wired0 in [0-9a-f]{13} +${t.namespace}/p +.*would repair +the link is gone`),
    );
    assert.match(stdout, /reservation \(foreign\) +10\.79\.0\.9 of CNI network theirs .*would report/);
    assert.match(stdout, /cache-file \(foreign\) .*would report/);
    assert.deepEqual((await readKeys(t.lab)).filter(isOfAPod), before.filter(isOfAPod));
    assert.equal(await podLink(t.lab, p, 'wired0'), undefined);
    assert.ok(existsSync(stranger) && existsSync(cached));
  });

  test("repairs what differs at once, and reports what is not podwire's", async () => {
    const { stdout, code } = await podwire(t.lab, ['sweep', t.node(0)]);
    process.stdout.write(stdout);
    assert.equal(code, 3);
    assert.match(stdout, /drift .*repairing/);
    assert.match(stdout, /reservation \(foreign\) .* reported/);
    await waitLink(t.lab, p, 'wired0', (link) => link?.up === true);
    assert.ok(existsSync(stranger) && existsSync(cached));
  });

  test("removes what is not podwire's only when told twice", async () => {
    const refused = await podwire(t.lab, ['sweep', t.node(0), '--remove-foreign']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /add --yes/);
    assert.ok(existsSync(stranger));
    const { stdout, code } = await podwire(t.lab, ['sweep', t.node(0), '--remove-foreign', '--yes']);
    process.stdout.write(stdout);
    assert.equal(code, 0, stdout);
    assert.equal(existsSync(stranger), false);
    assert.equal(existsSync(cached), false);
    assert.equal(reservations(t.lab, t.node(0), 'wired').length, 1, "podwire's own stays");
  });

  test('says so when a node does not answer', async () => {
    await stopPart(t.lab, nodePart(t.node(1)));
    const { stdout, code } = await podwire(t.lab, ['sweep', t.node(1)]);
    assert.equal(code, 1);
    assert.match(stdout, /no podwire worker answers/);
  });
});

function journalOf(t: LabTest, node: string): string[] {
  return readdirSync(pathOnHost(t.lab, node, '/var/lib/podwire/cni'));
}

/** Workers that were started a moment ago publish their node's files, whatever else happens. */
const isOfAPod = ({ key }: { key: string }): boolean => !key.startsWith('/podwire/node-configs/');
