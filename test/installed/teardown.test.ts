/** podwire leaves a cluster: `podwire teardown` from one of its own pods, then `kubectl delete -k`. The nodes are as they were before it came. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { linksIn, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { deleteInstallation, inSystem, installPodwire } from '../../deploy/lab/installed.ts';
import { kubectl, pathOnHost, podNetnsPath } from '../../deploy/lab/lab.ts';
import { podwire } from '../cli/podwire-command.ts';
import { reservations } from '../lab/cni-networks.ts';
import { labTest } from '../lab/harness.ts';
import { readKeys } from '../lab/records.ts';
import { Burst, since } from './burst.ts';

const LIMIT = { limitMs: 60_000 };
const NETWORK = { name: 'lea', id: 4866, prefix: '10.76' };
/** Made by CNI's bridge plugin, which never removes one. */
const BRIDGE = `br-${NETWORK.name}`;
/** Rights of components that are not in this overlay; the lab makes them for podwire as processes of the host. */
const LAB_OWN = /\/podwire-(?:exec|[a-z]+-(?:cni|kaloom|primary|reflect))$/;

describe('a cluster that podwire leaves', () => {
  const t = labTest('leaves');
  let burst: Burst;
  let untouched: Looks;

  type Looks = Awaited<ReturnType<typeof looks>>;

  before(async () => {
    const bare = await t.createPods(
      t.lab.nodes.map(({ name }) => ({ name: `bare-${name}`, node: name, label: false })),
    );
    untouched = await looks();
    assert.equal(bare.length, t.lab.nodes.length);
    burst = await Burst.prepare(t, NETWORK);
    await burst.ask(6);
    await burst.attached(LIMIT);
  });

  /** What is on the nodes beside the pods' own primary networks. */
  async function looks(): Promise<{ links: string[]; files: string[] }> {
    const links = await Promise.all(
      t.lab.nodes.map(async ({ name, netnsPath }) =>
        (await linksIn(netnsPath))
          .filter((link) => !isOfPod(link))
          .map((link) => `${name} ${link.name} ${link.kind ?? ''}`),
      ),
    );
    const files = t.lab.nodes.flatMap(({ name }) => [
      ...list(name, '/var/lib/podwire/cni').map((file) => `${name} /var/lib/podwire/cni/${file}`),
      ...reservations(t.lab, name, NETWORK.name).map((address) => `${name} ${address}`),
    ]);
    return { links: links.flat().sort(), files };
  }

  /** Ends of pods' primary networks come and go. */
  const isOfPod = ({ kind, name }: SeenLink): boolean => kind === 'veth' && name.startsWith('veth');
  const list = (node: string, folder: string): string[] => readdirSync(pathOnHost(t.lab, node, folder));

  test('has every interface detached by `podwire teardown`, run in a pod of its own', async (c) => {
    const began = performance.now();
    const said = await inSystem(
      t.lab,
      ['exec', 'deploy/podwire-orchestrator', '--', 'podwire', 'teardown', '--yes', '--wait', '60'],
      { timeoutMs: 80_000 },
    );
    c.diagnostic(`6 pods with two networks each were detached in ${since(began)}`);
    c.diagnostic(said);
    for (const pod of burst.pods) {
      const links = await linksIn(await podNetnsPath(t.lab, pod));
      assert.deepEqual(links.map(({ name }) => name).sort(), ['eth0', 'lo'], pod.name);
    }
  });

  test('is as before once it is deleted: nothing of it in the API, on the nodes, in etcd', async () => {
    await deleteInstallation(t.lab);
    const kinds = 'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings';
    const left = (await kubectl(t.lab, ['get', kinds, '-A', '-o', 'name']))
      .split('\n')
      .filter((name) => name.includes('/podwire-') && !LAB_OWN.test(name));
    assert.deepEqual(left, []);
    assert.equal(await kubectl(t.lab, ['get', 'namespace', 'podwire-system', '--ignore-not-found', '-o', 'name']), '');
    const purged = await podwire(t.lab, ['teardown', '--yes', '--purge']);
    assert.equal(purged.code, 0, purged.stdout + purged.stderr);
    assert.deepEqual(await readKeys(t.lab), []);
    const { links, files } = await looks();
    assert.deepEqual(
      links.filter((line) => !line.includes(` ${BRIDGE} `)),
      untouched.links,
    );
    assert.deepEqual(files, untouched.files);
  });

  test('has it again after another `kubectl apply -k`, and its pods what they ask for', async (c) => {
    const began = performance.now();
    await installPodwire(t.lab, { overlay: 'existing', settings: {} });
    await burst.attached(LIMIT);
    c.diagnostic(`all pods had their networks again ${since(began)} after the second installation began`);
  });
});
