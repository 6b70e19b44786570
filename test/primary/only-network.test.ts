/** podwire as the only network of a real cluster, IPv4 and IPv6: its nodes have no other, and everything that a pod expects of one is there. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { apply, field, waitRunning } from '../../deploy/demo/cluster.ts';
import { linksIn, routesIn, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, partPid, pathOnHost, startPart, stopPart, type LabNode } from '../../deploy/lab/lab.ts';
import { DNS_ADDRESS, ON_NODE, SERVICE_ADDRESS, STATIC_PODS } from '../../deploy/lab/layout.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { PRIMARY_FILE } from '../../domain/cni-server/primary-list.ts';
import { firstLook } from '../lab/first-look.ts';
import { deletePods, waitFor } from '../lab/harness.ts';
import { allAgree, duplicates, heldLeases } from './node-truth.ts';
import { ownLab, type PodOfNode } from './own-lab.ts';
import { answering, answerOf, netnsOf, reaches } from './reach.ts';
import { reboot } from './reboot.ts';

const SOON = { limitMs: 30_000, everyMs: 100 };
const HOST_PORT = 18_080;

describe("podwire as a cluster's only network", () => {
  const t = ownLab();
  /** Two of the first node, one of the second one; the first is reached by a port of its node. */
  let a: PodRef;
  let b: PodRef;
  let c: PodRef;
  const addressesOf = async (pod: PodRef): Promise<string[]> =>
    (await field(t.lab, pod, '{.status.podIPs[*].ip}')).split(' ');
  const serviceOf = (name: string): Promise<string> =>
    kubectl(t.lab, ['-n', t.namespace, 'get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}']);
  const web = (name: string, node: number, more: Partial<PodOfNode> = {}): PodOfNode => ({
    ...{ name, node: t.node(node), command: answering(name), labels: { app: name } },
    ...more,
  });

  before(async () => {
    const ports = [{ containerPort: 8080, hostPort: HOST_PORT }];
    const main = { name: 'main', image: t.lab.testImage, imagePullPolicy: 'Never', command: answering('a'), ports };
    const spec = { restartPolicy: 'Always' };
    [a, b, c] = (await t.run([
      web('a', 0, { spec: { ...spec, containers: [main] } }),
      web('b', 0, { spec }),
      web('c', 1, { spec }),
    ])) as [PodRef, PodRef, PodRef];
    await apply(
      t.lab,
      ['a', 'c'].map((name) => ({
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { namespace: t.namespace, name } },
        spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
      })),
    );
  });

  test('nodes have no other network, and podwire brings with it what ports and limits need', () => {
    for (const node of t.lab.nodes) {
      const folder = pathOnHost(t.lab, node.name, ON_NODE.cniConf);
      assert.deepEqual(readdirSync(folder), [PRIMARY_FILE]);
      const { plugins } = JSON.parse(readFileSync(join(folder, PRIMARY_FILE), 'utf8')) as {
        plugins: { type: string }[];
      };
      assert.deepEqual(
        plugins.map(({ type }) => type),
        ['podwire-cni', 'portmap', 'bandwidth'],
      );
    }
  });

  test("a pod has an address of each of its node's subnets, and its container sees them first", async () => {
    for (const [pod, node] of [
      [a, t.node(0)],
      [b, t.node(0)],
      [c, t.node(1)],
    ] as const) {
      const addresses = await addressesOf(pod);
      assert.deepEqual(
        addresses.map((address) => isIn(address, node)),
        [true, true],
        addresses.join(),
      );
      const seen = await firstLook(t.lab, pod);
      for (const address of addresses)
        assert.ok(seen.includes(` ${address}/${address.includes(':') ? 128 : 32} `), seen);
      const netns = await netnsOf(t.lab, pod);
      assert.deepEqual(
        (await linksIn(netns)).map(({ name, mtu }) => [name, mtu]),
        [
          ['lo', 65_536],
          ['eth0', 1450],
        ],
      );
      assert.equal((await routesIn(netns)).filter(({ destination }) => destination === 'default').length, 2);
    }
    await allAgree(t.lab);
  });

  test('a pod reaches another one of its node, its node, and its node reaches it', async () => {
    const netns = await netnsOf(t.lab, b);
    for (const address of await addressesOf(a)) {
      assert.equal(await answerOf(netns, address), 'a');
      assert.equal(await answerOf(t.node(0).netnsPath, address), 'a');
    }
    await reaches(netns, t.node(0).address);
  });

  test('a pod reaches services: the API, the names of the cluster, a pod of its node, and itself', async () => {
    const netns = await netnsOf(t.lab, b);
    const name = `a.${t.namespace}.svc.cluster.local`;
    const looked = await waitFor(
      `the address of ${name}`,
      async () => {
        const said = await kubectl(t.lab, ['-n', t.namespace, 'exec', 'b', '--', 'nslookup', name, DNS_ADDRESS]);
        return /Address: +(10\.96\.\d+\.\d+)/.exec(said.split(name).at(-1) ?? '')?.[1];
      },
      SOON,
    );
    assert.equal(await answerOf(netns, looked, 80), 'a');
    assert.equal(await answerOf(await netnsOf(t.lab, a), looked, 80), 'a');
    await kubectl(t.lab, [
      '-n',
      t.namespace,
      'exec',
      'b',
      '--',
      'sh',
      '-c',
      `nc -w 2 ${SERVICE_ADDRESS} 443 < /dev/null`,
    ]);
  });

  test('pods of different nodes reach each other, by their addresses, a service and a port of the node, and nodes reach them', async () => {
    const [here, there] = [await netnsOf(t.lab, b), await netnsOf(t.lab, c)];
    for (const address of await addressesOf(c)) {
      assert.equal(await answerOf(here, address), 'c');
      assert.equal(await answerOf(t.node(0).netnsPath, address), 'c');
    }
    assert.equal(await answerOf(here, await serviceOf('c'), 80), 'c');
    assert.equal(await answerOf(there, await serviceOf('a'), 80), 'a');
    assert.equal(await answerOf(there, t.node(0).address, HOST_PORT), 'a');
    await reaches(here, t.node(1).address);
  });

  test("a pod is reached by a port of its node, from beside the cluster and from the node's other pods", async () => {
    for (const netns of [t.lab.controlNetnsPath, await netnsOf(t.lab, b)])
      assert.equal(await answerOf(netns, t.node(0).address, HOST_PORT), 'a');
  });

  test('pods end and start while Temporal and etcd do not answer', async () => {
    for (const part of ['temporal', 'podwire-etcd']) {
      const pid = partPid(t.lab, part) ?? assert.fail(part);
      process.kill(pid, 'SIGSTOP');
      try {
        await t.run([web(`meanwhile-${part}`, 0), web(`beside-${part}`, 1)]);
        await deletePods(t.lab, [t.pod(`beside-${part}`)]);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    }
    await allAgree(t.lab);
  });

  test('a pod that the API has not seen has its network while the API is away', async () => {
    const node = t.node(0);
    const folder = pathOnHost(t.lab, node.name, join(ON_NODE.kubelet, STATIC_PODS));
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${t.namespace}.json`);
    const container = { name: 'main', image: t.lab.testImage, imagePullPolicy: 'Never', command: answering('file') };
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'file', namespace: t.namespace } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container] },
    };
    const leases = (): string[] =>
      heldLeases(t.lab, node)
        .filter((lease) => lease.pod.name === `file-${node.name}`)
        .map(({ addresses }) => addresses[0] ?? '');
    const api = partSpec(t.lab, 'kube-apiserver') ?? assert.fail();
    await stopPart(t.lab, api.name);
    try {
      writeFileSync(file, JSON.stringify(pod));
      const address = await waitFor('its address', async () => leases()[0], SOON);
      assert.equal(await answerOf(node.netnsPath, address), 'file');
      rmSync(file);
      await waitFor('its end', async () => leases().length === 0 || undefined, SOON);
    } finally {
      rmSync(file, { force: true });
      await startPart(t.lab, api);
      await waitFor('the API', () => kubectl(t.lab, ['get', '--raw', '/readyz']), SOON);
    }
    await allAgree(t.lab);
  });

  test('pods wait for a node worker that is away, go on without it, and have their addresses when it is back', async () => {
    const part = nodePart(t.node(0).name);
    await stopPart(t.lab, part);
    const [waiting] = (await t.create([web('waiting', 0)])) as [PodRef];
    const events = ['-n', t.namespace, 'get', 'events', '--field-selector', 'involvedObject.name=waiting'];
    await waitFor(
      'the runtime is told to come again',
      async () => (await kubectl(t.lab, events)).includes('FailedCreatePodSandBox') || undefined,
      SOON,
    );
    for (const address of await addressesOf(a)) assert.equal(await answerOf(await netnsOf(t.lab, b), address), 'a');
    await startPodwirePart(t.lab, part);
    await waitRunning(t.lab, [waiting]);
    await allAgree(t.lab);
  });

  test('after a reboot of its node each pod has one address, and nobody has one of before', async () => {
    const node = t.node(0);
    const before = new Set(heldLeases(t.lab, node).map(({ sandboxId }) => sandboxId));
    await reboot(t.lab, node);
    await waitFor(
      'new sandboxes of all that come back',
      async () => {
        const now = heldLeases(t.lab, node).filter(({ sandboxId }) => !before.has(sandboxId));
        return ['a', 'b'].every((name) => now.some(({ pod }) => pod.name === name)) || undefined;
      },
      { limitMs: 60_000, everyMs: 200 },
    );
    await allAgree(t.lab, 60_000);
    assert.equal(await answerOf(t.lab.controlNetnsPath, node.address, HOST_PORT), 'a');
    for (const address of await addressesOf(a)) assert.equal(await answerOf(await netnsOf(t.lab, c), address), 'a');
  });

  test('pods that come and go in waves, and a worker that is replaced meanwhile, leave no address behind and share none', async () => {
    const WAVES = 3;
    const names = (wave: number): string[] => Array.from({ length: 12 }, (_, i) => `wave-${wave}-${i}`);
    const twice = new Set<string>();
    for (let wave = 0; wave < WAVES; wave += 1) {
      const created = t.run(names(wave).map((name, i) => ({ name, node: t.node(i) })));
      const ended =
        wave === 0
          ? undefined
          : deletePods(
              t.lab,
              names(wave - 1).map((name) => t.pod(name)),
            );
      if (wave === 2) {
        await stopPart(t.lab, nodePart(t.node(1).name));
        await startPodwirePart(t.lab, nodePart(t.node(1).name));
      }
      await Promise.all([created, ended]);
      for (const address of duplicates(t.lab)) twice.add(address);
    }
    await deletePods(
      t.lab,
      names(WAVES - 1).map((name) => t.pod(name)),
    );
    assert.deepEqual([...twice], []);
    await allAgree(t.lab);
  });
});

function isIn(address: string, node: LabNode): boolean {
  const subnets = new BlockList();
  for (const [subnet, family] of [
    [node.podCidr, 'ipv4'],
    [node.podCidrSix, 'ipv6'],
  ] as const) {
    const [base = '', length] = subnet.split('/');
    subnets.addSubnet(base, Number(length), family);
  }
  return subnets.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}
