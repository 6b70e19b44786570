/** storm: as many pods as a node has by default, made at once, until all of them run: podwire as their network, and bridge with host-local. */
import { apiPath, createKubeClient } from '../../adapters/kubernetes/client.ts';
import { apply, podManifest } from '../../deploy/demo/cluster.ts';
import { labDown, labUp, partPid, type Lab } from '../../deploy/lab/lab.ts';
import { nodePart, startPodwire } from '../../deploy/lab/podwire.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { makeNamespace, NAMESPACE } from './bench-lab.ts';
import { usageOfProcess } from './process-usage.ts';
import { bar, type BenchResult } from './report.ts';
import type { Site } from './site.ts';
import { sampleOf } from './statistics.ts';

const LIMIT_MS = 300_000;
const MOST_MIB = 128;

interface Storm {
  readonly seconds: number;
  /** Of the node worker; undefined: there is none. */
  readonly rssMiB?: number;
}

/** Each round makes both clusters from nothing, one after the other, with one node each. */
export async function stormBench(
  { lab, progress }: Pick<Site, 'lab' | 'progress'>,
  { pods, rounds }: { readonly pods: number; readonly rounds: number },
): Promise<BenchResult> {
  const name = `${lab.name.slice(0, 18)}-s`;
  const inLab = async (network: 'podwire' | 'bridge'): Promise<Storm> => {
    try {
      const made = await labUp({ name, nodes: 1, progress, ...(network === 'podwire' ? { network } : {}) });
      if (network === 'podwire') await startPodwire(made);
      return await progress.task(`storm: ${pods} pods, ${network}`, () => storm(made, pods));
    } finally {
      await labDown({ name, progress });
    }
  };
  const [bridge, podwire]: [Storm[], Storm[]] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    bridge.push(await inLab('bridge'));
    podwire.push(await inLab('podwire'));
  }
  const [sample, floor] = [podwire, bridge].map((storms) => sampleOf(storms.map(({ seconds }) => seconds)));
  const memory = sampleOf(podwire.map(({ rssMiB = 0 }) => rssMiB));
  if (sample === undefined || floor === undefined) throw new Error('no round was made');
  return {
    bench: 'storm',
    how: `${pods} pods of one node, made at once, until the API says that all run; the floor is a cluster without podwire, with bridge and host-local; everything of a cluster runs on this machine`,
    figures: [
      {
        ...{ what: `${pods} pods from create to Running`, unit: 's', sample, floor },
        bars: [bar('not slower than bridge (p50)', sample.p50, floor.p50)],
      },
      {
        ...{ what: 'memory of the node worker then', unit: 'MiB', sample: memory },
        bars: [bar(`max ≤ ${MOST_MIB} MiB`, memory.max, MOST_MIB)],
      },
    ],
    tables: [],
    checks: [],
  };
}

async function storm(lab: Lab, count: number): Promise<Storm> {
  const [node] = lab.nodes;
  if (node === undefined) throw new Error(`lab ${lab.name} has no node`);
  await makeNamespace(lab);
  const client = createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: 10_000 });
  const counted = async (fieldSelector: string): Promise<number> => {
    const path = apiPath('api', 'v1', 'namespaces', NAMESPACE, 'pods');
    const { body } = await client.call({ method: 'GET', path, query: { fieldSelector } });
    return (body as { items: readonly unknown[] }).items.length;
  };
  try {
    const startedAt = performance.now();
    const manifests = Array.from({ length: count }, (_, index) =>
      podManifest(
        { namespace: NAMESPACE, name: `storm-${index}` },
        { node: node.name, image: lab.testImage, label: false },
      ),
    );
    await apply(lab, manifests);
    await waitFor(
      `${count} pods to run`,
      async () => ((await counted('status.phase=Running')) === count ? true : undefined),
      { limitMs: LIMIT_MS, everyMs: 250 },
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    const pid = partPid(lab, nodePart(node.name));
    return { seconds, ...(pid === undefined ? {} : { rssMiB: usageOfProcess(pid).rssMiB }) };
  } finally {
    client.close();
  }
}
