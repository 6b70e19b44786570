/**
 * Beside a real Multus: the container runtime of a node calls it for each pod, and it attaches what the pod asks for at its creation. podwire
 * attaches what comes later, and with `--npwg-adopt-foreign` detaches what Multus attached.
 */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseCached } from '../../adapters/cni/multus-cache.ts';
import { apply, declareNetworks, field, podManifest, waitRunning, type PodOptions } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { CNI_SOCKET } from '../../deploy/lab/chained.ts';
import { pathOnHost, silentProgress } from '../../deploy/lab/lab.ts';
import { installMultus, MULTUS_DIR, removeMultus } from '../../deploy/lab/multus.ts';
import { ON_NODE } from '../../deploy/lab/layout.ts';
import { logFile } from '../../deploy/lab/parts.ts';
import {
  bridgeConfig,
  bridgePorts,
  cniRecords,
  defineNetworks,
  labNode,
  npwgStatus,
  reservations,
  waitStatus,
  wantNetworks,
} from '../lab/cni-networks.ts';
import { FIRST_LOOK, firstLook } from '../lab/first-look.ts';
import { statusTruthOfCni } from '../lab/cni-status-truth.ts';
import { labTest, waitEvent, waitFor, waitLink, type LabTest } from '../lab/harness.ts';
import { exactlyOne, nothingLeaked } from '../lab/invariants.ts';
import { sandboxId } from '../lab/sandbox.ts';

const NETWORKS = ['cold', 'kept', 'hot'] as const;
type Network = (typeof NETWORKS)[number];

const PLUGIN = join(ON_NODE.cniBin, 'podwire-cni');

/** Go compiles Multus at its first use. */
const BUILT_WITHIN_MS = 20 * 60_000;

const isUp = (link: SeenLink | undefined): boolean => link?.up === true && link.addresses.length === 1;

/** What these tests do and see on the one node that has Multus. */
class Node {
  readonly #t: LabTest;

  constructor(t: LabTest) {
    this.#t = t;
  }

  get name(): string {
    return this.#t.node(0);
  }

  /** @param behind plugins that stand behind Multus */
  async prepare(behind: readonly object[] = []): Promise<void> {
    const { lab, namespace } = this.#t;
    await installMultus(lab, labNode(lab, this.name), silentProgress, behind);
    const bridges = NETWORKS.map((name, index) => {
      const plain = bridgeConfig(name, `br-${name}`, `10.94.${index}.0/24`);
      return [name, { ...plain, cniVersion: '1.0.0' }] as const;
    });
    await defineNetworks(lab, namespace, Object.fromEntries(bridges));
  }

  async restore(): Promise<void> {
    await removeMultus(this.#t.lab, labNode(this.#t.lab, this.name));
  }

  /** A pod that asks for networks from its creation on. */
  async create(name: string, networks: readonly object[], more: Partial<PodOptions> = {}): Promise<PodRef> {
    const { lab, namespace } = this.#t;
    const pod = { namespace, name };
    const manifest = podManifest(pod, { node: this.name, label: false, image: lab.testImage, ...more }) as {
      metadata: { annotations: Record<string, string> };
    };
    manifest.metadata.annotations['k8s.v1.cni.cncf.io/networks'] = JSON.stringify(networks);
    await apply(lab, [manifest]);
    await waitRunning(lab, [pod]);
    return pod;
  }

  reserved(network: Network): string[] {
    return reservations(this.#t.lab, this.name, network);
  }

  ports(network: Network): Promise<string[]> {
    return bridgePorts(this.#t.lab, this.name, `br-${network}`);
  }

  /** What libcni keeps for Multus of a sandbox: file names and texts. */
  cached(sandbox: string): { name: string; path: string; text: string }[] {
    const folder = pathOnHost(this.#t.lab, this.name, join(MULTUS_DIR, 'results'));
    if (!existsSync(folder)) return [];
    const names = readdirSync(folder)
      .filter((name) => name.includes(`-${sandbox}-`))
      .sort();
    return names.map((name) => ({ name, path: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }));
  }

  /** Multus' own file of a sandbox, which goes with its DEL. */
  hasDelegates(sandbox: string): boolean {
    return existsSync(pathOnHost(this.#t.lab, this.name, join(MULTUS_DIR, sandbox)));
  }

  /** Deletes a pod of Multus', which is to leave nothing and to fail nowhere. */
  async gone(pod: PodRef): Promise<void> {
    const { lab } = this.#t;
    const sandbox = await sandboxId(lab, pod);
    assert.ok(this.hasDelegates(sandbox));
    await this.#t.deletePods([pod]);
    await waitFor('Multus to have deleted all', async () => !this.hasDelegates(sandbox) || undefined, {
      limitMs: 30_000,
    });
    const log = readFileSync(logFile(lab, `containerd-${this.name}`), 'utf8').split('\n');
    const complaints = log.filter(
      (line) => line.includes(sandbox) && /failed to (destroy|tear ?down).*network/i.test(line),
    );
    assert.deepEqual(complaints, []);
    await nothingLeaked(lab, { limitMs: 30_000 });
    for (const network of NETWORKS) {
      assert.deepEqual(this.reserved(network), [], network);
      assert.deepEqual(await this.ports(network), [], network);
    }
    assert.deepEqual(this.cached(sandbox), []);
  }
}

const entry = (name: Network, interfaceName: string): object => ({ name, interface: interfaceName });

describe('beside Multus, with --npwg-adopt-foreign', () => {
  const t = labTest('multus', undefined, { PODWIRE_NPWG_ADOPT_FOREIGN: 'true' });
  const node = new Node(t);
  before(() => node.prepare(), { timeout: BUILT_WITHIN_MS });
  after(() => node.restore());

  test('what Multus attached goes when its entry is taken out of the annotation, and nothing else of the pod is touched', async () => {
    const pod = await node.create('taken', [entry('cold', 'cold0'), entry('kept', 'kept0')]);
    await waitStatus(t.lab, pod, ['cold0 Foreign', 'kept0 Foreign']);
    const uid = await field(t.lab, pod, '{.metadata.uid}');
    const kept = await podLink(t.lab, pod, 'kept0');
    const own = await podLink(t.lab, pod, 'eth0');
    assert.ok(isUp(kept) && isUp(await podLink(t.lab, pod, 'cold0')));
    assert.deepEqual([node.reserved('cold').length, (await node.ports('cold')).length], [1, 1]);
    assert.deepEqual(await cniRecords(t.lab, uid), []);

    await wantNetworks(t.lab, pod, [entry('kept', 'kept0'), entry('hot', 'hot0')]);
    await waitLink(t.lab, pod, 'cold0', (link) => link === undefined);
    await waitLink(t.lab, pod, 'hot0', isUp);
    await waitStatus(t.lab, pod, ['hot0 Attached', 'kept0 Foreign']);
    await waitEvent(t.lab, pod, 'NetworkDetached', /cold0/);
    assert.deepEqual([node.reserved('cold'), await node.ports('cold')], [[], []]);
    assert.deepEqual(
      (await npwgStatus(t.lab, pod)).map((each) => each.interface),
      ['eth0', 'kept0', 'hot0'],
    );
    assert.deepEqual([await podLink(t.lab, pod, 'kept0'), await podLink(t.lab, pod, 'eth0')], [kept, own]);
    assert.deepEqual(
      (await cniRecords(t.lab, uid)).map(({ interfaceName }) => interfaceName),
      ['hot0'],
    );
    const sandbox = await sandboxId(t.lab, pod);
    assert.deepEqual(
      node.cached(sandbox).map(({ name }) => name.replace(sandbox, '')),
      ['kept--kept0', 'lab--eth0'],
    );
    await statusTruthOfCni(t.lab, pod);
    await node.gone(pod);
  });

  test('what libcni keeps for Multus is what podwire and the stand-in of its other tests take it for', async () => {
    const pod = await node.create('cached', [entry('cold', 'cold0')]);
    const sandbox = await sandboxId(t.lab, pod);
    const file = node.cached(sandbox).find(({ name }) => name === `cold-${sandbox}-cold0`);
    assert.ok(file, 'there is no such file');
    const keys = Object.keys(JSON.parse(file.text) as object).sort();
    assert.deepEqual(keys, CACHED);
    const { call, resultText } = parseCached(file.path, file.text, { sandboxId: sandbox, interfaceName: 'cold0' });
    const given = call.args.map(([key]) => key);
    assert.deepEqual(given.slice(0, ARGS.length), ARGS);
    assert.deepEqual(given.slice(ARGS.length).sort(), [...ARGS].sort());
    assert.ok(call.args.some(([key, value]) => key === 'K8S_POD_INFRA_CONTAINER_ID' && value === sandbox));
    assert.deepEqual([call.networkName, call.capabilityArgs], ['cold', {}]);
    assert.equal((JSON.parse(call.configText) as { type: string }).type, 'bridge');
    const link = await podLink(t.lab, pod, 'cold0');
    assert.ok(resultText.includes(link?.mac ?? 'no such link'));
    await node.gone(pod);
  });

  test('another network takes the place of one that Multus attached, under the same name', async () => {
    const pod = await node.create('edited', [entry('cold', 'cold0')]);
    await waitStatus(t.lab, pod, ['cold0 Foreign']);
    await wantNetworks(t.lab, pod, [entry('hot', 'cold0')]);
    await waitLink(t.lab, pod, 'cold0', (link) => link?.addresses.join().startsWith('10.94.2.') === true);
    await waitStatus(t.lab, pod, ['cold0 Attached']);
    assert.deepEqual([node.reserved('cold'), node.reserved('hot').length], [[], 1]);
    await node.gone(pod);
  });
});

/** As multus-stand-in.ts writes them; the arguments once from Multus and once from the container runtime. */
const CACHED = ['cniArgs', 'config', 'containerId', 'ifName', 'kind', 'netns', 'networkName', 'result'];
const ARGS = ['IgnoreUnknown', 'K8S_POD_NAMESPACE', 'K8S_POD_NAME', 'K8S_POD_INFRA_CONTAINER_ID', 'K8S_POD_UID'];

describe('beside Multus', () => {
  const t = labTest('multus');
  const node = new Node(t);
  before(() => node.prepare(), { timeout: BUILT_WITHIN_MS });
  after(() => node.restore());

  test('podwire attaches more to a pod, and leaves what Multus attached to Multus', async () => {
    const pod = await node.create('left', [entry('cold', 'cold0')]);
    const cold = await podLink(t.lab, pod, 'cold0');
    assert.ok(isUp(cold));
    const published = await npwgStatus(t.lab, pod);
    assert.deepEqual(
      published.map((each) => each.interface),
      ['eth0', 'cold0'],
    );
    await wantNetworks(t.lab, pod, [entry('cold', 'cold0'), entry('hot', 'hot0')]);
    await waitLink(t.lab, pod, 'hot0', isUp);
    await waitStatus(t.lab, pod, ['hot0 Attached', 'cold0 Foreign']);

    await wantNetworks(t.lab, pod, [entry('hot', 'hot0')]);
    await waitStatus(t.lab, pod, ['hot0 Attached']);
    await wantNetworks(t.lab, pod, null);
    await waitLink(t.lab, pod, 'hot0', (link) => link === undefined);
    await waitStatus(t.lab, pod, []);
    assert.deepEqual(await podLink(t.lab, pod, 'cold0'), cold);
    assert.deepEqual(await npwgStatus(t.lab, pod), published);
    assert.equal(node.reserved('cold').length, 1);
    await node.gone(pod);
  });
});

describe("behind Multus in the node's chain", () => {
  const t = labTest('multus');
  const node = new Node(t);
  before(
    async () => {
      await declareNetworks(t.lab, { multi: 'id=4871 up' });
      copyFileSync(builtFile('cni/podwire-cni'), pathOnHost(t.lab, node.name, PLUGIN));
      await node.prepare([{ type: 'podwire-cni', socket: CNI_SOCKET }]);
    },
    { timeout: BUILT_WITHIN_MS },
  );
  after(async () => {
    await node.restore();
    rmSync(pathOnHost(t.lab, node.name, PLUGIN), { force: true });
  });

  test("a pod's container sees the networks of both as the first thing that it does, each once", async () => {
    const pod = await node.create('both', [entry('cold', 'cold0')], {
      ...{ label: true, networks: 'multi ip=10.95.0.1/24', command: FIRST_LOOK },
    });
    const seen = await firstLook(t.lab, pod);
    assert.match(seen, /cold0 +inet 10\.94\.0\.\d+\/24/);
    assert.match(seen, /multi +inet 10\.95\.0\.1\/24/);
    await exactlyOne(t.lab, [pod]);
    await waitStatus(t.lab, pod, ['multi Attached', 'cold0 Foreign']);
    assert.deepEqual([node.reserved('cold').length, (await node.ports('cold')).length], [1, 1]);
    await node.gone(pod);
  });

  test('a pod that asks for networks of Multus only has nothing done by podwire', async () => {
    const pod = await node.create('multus-only', [entry('cold', 'cold0')], { command: FIRST_LOOK });
    assert.match(await firstLook(t.lab, pod), /cold0 +inet 10\.94\.0\.\d+\/24/);
    const uid = await field(t.lab, pod, '{.metadata.uid}');
    assert.deepEqual(await cniRecords(t.lab, uid), []);
    await node.gone(pod);
  });
});
