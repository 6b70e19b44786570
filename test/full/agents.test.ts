/** What happens to pods with agent containers while they live, with either backend; the mesh is right afterwards. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apply, declareNetworks, field, waitRunning } from '../../deploy/demo/cluster.ts';
import { floodTargets, linksIn, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { inNetns, kubectl, podNetnsPath, restartPart, stopPart } from '../../deploy/lab/lab.ts';
import { EXEC_NAMESPACE } from '../../deploy/lab/podwire.ts';
import { podwire } from '../cli/podwire-command.ts';
import { AGENT, agentPod, createAgentPods, execIn } from '../lab/agent-pods.ts';
import { labTest, waitFor, type LabTest } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { endSandbox } from '../lab/sandbox.ts';

const MESH = 'cluster/agentnet';

for (const backend of ['node', 'exec'] as const) {
  describe(`a living pod with agent containers, backend ${backend}`, () => {
    const t =
      backend === 'exec'
        ? labTest('agents', EXEC_NAMESPACE, { PODWIRE_BACKEND_BY_NAMESPACE: `${EXEC_NAMESPACE}=exec` })
        : labTest('agents');
    livingPods(t);
    if (backend === 'exec') lostNode(t);
  });
}

function livingPods(t: LabTest): void {
  let anchor: PodRef;

  /** A running pod on one of the nodes, with that address in the mesh. */
  const member = async (name: string, node: number, address: string): Promise<PodRef> => {
    const networks = `agentnet ip=${address}/24`;
    const [pod] = (await createAgentPods(t.lab, [agentPod(t.lab, t.pod(name), { node: t.node(node), networks })])) as [
      PodRef,
    ];
    await waitRunning(t.lab, [pod]);
    return pod;
  };

  before(async () => {
    await declareNetworks(t.lab, { agentnet: 'id=3801 up' });
    anchor = await member('anchor', 0, '10.81.0.1');
  });
  after(async () => {
    await t.deletePods([anchor]);
    await nothingLeaked(t.lab);
  });

  const restarts = (pod: PodRef): Promise<string> =>
    field(t.lab, pod, `{.status.containerStatuses[?(@.name=="${AGENT}")].restartCount}`);

  test('whose agent container is started anew keeps its links and learns of members that came meanwhile', async () => {
    const pod = await member('restarted', 1, '10.81.0.2');
    await exactlyOne(t.lab, [anchor, pod]);
    // The container may be gone before its `kill` is: then that ends with it, by SIGKILL.
    await execIn(t.lab, pod, AGENT, ['kill', '-TERM', '1']).catch((error: unknown) =>
      assert.match(String(error), /exit 137/),
    );
    const other = await member('newcomer', 0, '10.81.0.3');
    await waitFor('the agent to run again', async () => ((await restarts(pod)) === '1' ? true : undefined), {
      limitMs: 60_000,
    });
    await exactlyOne(t.lab, [anchor, pod, other]);
    await meshComplete(t.lab, MESH, { limitMs: 60_000 });
    await waitReachable(t.lab, other, '10.81.0.2');
    await statusTruth(t.lab, [anchor, pod, other]);
    await t.deletePods([pod, other]);
    await meshComplete(t.lab, MESH);
  });

  test('that gets another address with a new sandbox has its link in there, and the others send to the new address', async () => {
    const pod = await member('moved', 1, '10.81.0.7');
    await meshComplete(t.lab, MESH);
    const address = (): Promise<string> => field(t.lab, pod, '{.status.podIP}');
    const [uid, old] = [await field(t.lab, pod, '{.metadata.uid}'), await address()];
    await endSandbox(t.lab, pod);
    await waitFor('another address', async () => (['', old].includes(await address()) ? undefined : true), {
      limitMs: 60_000,
    });
    await waitRunning(t.lab, [pod]);
    assert.equal(await field(t.lab, pod, '{.metadata.uid}'), uid, 'it is still the same pod');
    await exactlyOne(t.lab, [anchor, pod]);
    await meshComplete(t.lab, MESH, { limitMs: 60_000 });
    const seen = await floodTargets(await podNetnsPath(t.lab, anchor), 'agentnet');
    assert.ok(!seen.includes(old), `${old} is still sent to`);
    await waitReachable(t.lab, anchor, '10.81.0.7');
    await statusTruth(t.lab, [anchor, pod]);
    await t.deletePods([pod]);
    await meshComplete(t.lab, MESH);
  });

  test('is shown by inspect and list as bridge and ip show it', async () => {
    const pod = await member('inspected', 1, '10.81.0.8');
    await meshComplete(t.lab, MESH);
    const env = {
      PODWIRE_KUBECONFIG: t.lab.kubeconfigs.admin,
      PODWIRE_BACKEND_BY_NAMESPACE: `${EXEC_NAMESPACE}=exec`,
    };
    const inspected = await podwire(t.lab, ['inspect', 'nets', 'agentnet', '--fields=pod,fdb,route'], env);
    assert.equal(inspected.code, 0, inspected.stderr);
    for (const each of [anchor, pod]) {
      const netns = await podNetnsPath(t.lab, each);
      const said = async (tool: string, args: string[], indent: string): Promise<string> =>
        (await inNetns(netns, tool, args)).stdout.trimEnd().split('\n').join(`\n${indent}`).trim();
      const shown = [
        ` pod: ${each.namespace}/${each.name} ${await field(t.lab, each, '{.status.podIP}')}`,
        ` fdb: ${await said('bridge', ['fdb', 'show', 'dev', 'agentnet'], '      ')}`,
        ` route: ${await said('ip', ['route', 'show', 'dev', 'agentnet'], '        ')}`,
      ].join('\n');
      assert.ok(inspected.stdout.includes(shown), `${inspected.stdout}\nhas not\n${shown}`);
    }
    const listed = await podwire(t.lab, ['list', 'pods', 'inspected'], env);
    assert.equal(listed.code, 0, listed.stderr);
    assert.equal(listed.stdout, `${pod.namespace}/inspected agentnet 10.81.0.8/24\n`);
    await t.deletePods([pod]);
  });

  test('whose network gets another id has a link of the new id, and only that, and reaches the others by it', async () => {
    await declareNetworks(t.lab, { agentswap: 'id=3802 up' });
    const pods = (await createAgentPods(
      t.lab,
      [0, 1].map((n) =>
        agentPod(t.lab, t.pod(`swapped-${n}`), { node: t.node(n), networks: `agentswap ip=10.82.0.${n + 1}/24` }),
      ),
    )) as [PodRef, PodRef];
    await waitRunning(t.lab, pods);
    await waitReachable(t.lab, pods[0], '10.82.0.2');
    await declareNetworks(t.lab, { agentswap: 'id=3803 up' });
    for (const pod of pods) {
      const netns = await podNetnsPath(t.lab, pod);
      await waitFor(
        `${pod.name} to have a link of the new id alone`,
        async () => {
          const ids = (await linksIn(netns)).flatMap(({ vni }) => vni ?? []);
          return ids.join() === '3803' ? true : undefined;
        },
        { limitMs: 30_000 },
      );
    }
    await waitReachable(t.lab, pods[0], '10.82.0.2');
    await exactlyOne(t.lab, pods);
    await meshComplete(t.lab, 'cluster/agentswap');
    await statusTruth(t.lab, pods);
    await t.deletePods(pods);
    await declareNetworks(t.lab, { agentswap: null });
  });

  test('that is deleted by force is forgotten by the others', async () => {
    const pod = await member('forced', 1, '10.81.0.4');
    await meshComplete(t.lab, MESH);
    await kubectl(t.lab, ['-n', pod.namespace, 'delete', 'pod', pod.name, '--force', '--grace-period=0']);
    await meshComplete(t.lab, MESH);
  });

  test('of a StatefulSet comes back under its name with its network', async () => {
    const { metadata, spec } = agentPod(t.lab, t.pod('set'), { node: t.node(1), networks: 'agentnet' });
    const labels = { ...metadata.labels, app: 'set' };
    const template = { metadata: { labels, annotations: metadata.annotations }, spec };
    await apply(t.lab, [
      {
        ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'set', namespace: t.namespace } },
        spec: { serviceName: 'set', replicas: 1, selector: { matchLabels: { app: 'set' } }, template },
      },
    ]);
    const pod = t.pod('set-0');
    try {
      await waitRunning(t.lab, [pod]);
      for (let round = 0; round < 2; round += 1) {
        const old = await field(t.lab, pod, '{.metadata.uid}');
        await kubectl(t.lab, ['-n', pod.namespace, 'delete', 'pod', pod.name, '--wait=false']);
        await waitFor(
          'the pod to come back',
          async () => ((await field(t.lab, pod, '{.metadata.uid}')) === old ? undefined : true),
          { limitMs: 30_000 },
        );
        await waitRunning(t.lab, [pod]);
        await exactlyOne(t.lab, [anchor, pod]);
        await meshComplete(t.lab, MESH);
      }
    } finally {
      await kubectl(t.lab, ['-n', t.namespace, 'delete', 'statefulset', 'set']);
      await t.deletePods([pod]);
    }
    await meshComplete(t.lab, MESH);
  });
}

function lostNode(t: LabTest): void {
  test('on a node that is lost is forgotten without an answer from that node, and nobody waits for it', async () => {
    const [pod, stays] = (await createAgentPods(t.lab, [
      agentPod(t.lab, t.pod('lost'), { node: t.node(1), networks: 'agentnet ip=10.81.0.5/24' }),
      agentPod(t.lab, t.pod('stays'), { node: t.node(0), networks: 'agentnet ip=10.81.0.6/24' }),
    ])) as [PodRef, PodRef];
    await waitRunning(t.lab, [pod, stays]);
    await meshComplete(t.lab, MESH);
    const uid = await field(t.lab, pod, '{.metadata.uid}');
    const kubelet = `kubelet-${t.node(1)}`;
    await stopPart(t.lab, kubelet);
    try {
      await kubectl(t.lab, ['-n', pod.namespace, 'delete', 'pod', pod.name, '--force', '--grace-period=0']);
      await waitFor(
        'its records to be gone',
        async () => {
          const keys = await readKeys(t.lab, '/podwire/attachments/');
          return keys.some(({ key }) => key.includes(`/${uid}/`)) ? undefined : true;
        },
        { limitMs: 20_000 },
      );
      await meshComplete(t.lab, MESH);
    } finally {
      await restartPart(t.lab, kubelet);
    }
    assert.ok(await field(t.lab, stays, '{.status.podIP}'));
    await t.deletePods([stays]);
  });
}
