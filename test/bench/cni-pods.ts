/** CNI networks as the benches use them: two of the bridge plugin, annotations by one PATCH, and what is left on the nodes. */
import { apiPath, bodyOf } from '../../adapters/kubernetes/client.ts';
import { linksIn } from '../../deploy/demo/kernel-look.ts';
import type { LabNode } from '../../deploy/lab/lab.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { NPWG_NETWORKS_ANNOTATION } from '../../domain/settings.ts';
import { bridgeConfig, defineNetworks, reservations } from '../lab/cni-networks.ts';
import { ensurePods, NAMESPACE, runEnded, runOfPod, type BenchLab, type BenchPod } from './bench-lab.ts';
import type { Check } from './report.ts';

/** The interface that comes and goes. */
export const LINK = 'cni0';

export interface BenchNetwork {
  readonly name: string;
  /** For people. */
  readonly says: string;
  readonly config: object;
}

const PLAIN: BenchNetwork = {
  name: 'benchplain',
  says: 'without IPAM',
  config: bridgeConfig('benchplain', 'br-benchp'),
};
export const ADDRESSED: BenchNetwork = {
  name: 'benchaddr',
  says: 'host-local',
  config: bridgeConfig('benchaddr', 'br-bencha', '10.75.0.0/24'),
};
export const NETWORKS: readonly BenchNetwork[] = [PLAIN, ADDRESSED];

export const defineBenchNetworks = ({ lab }: BenchLab): Promise<void> =>
  defineNetworks(lab, NAMESPACE, Object.fromEntries(NETWORKS.map(({ name, config }) => [name, config])));

/** Attaches the pod to the network, or to none, by one PATCH on an open connection. */
export async function setCniNetwork({ kube }: BenchLab, pod: BenchPod, network?: BenchNetwork): Promise<void> {
  const value = network === undefined ? null : JSON.stringify([{ name: network.name, interface: LINK }]);
  const answer = await kube.call({
    method: 'PATCH',
    path: apiPath('api', 'v1', 'namespaces', pod.namespace, 'pods', pod.name),
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [NPWG_NETWORKS_ANNOTATION]: value } } },
  });
  bodyOf(answer, `patch pod ${pod.name}`);
}

/** Pods of these names, running on the node and without a network: an earlier bench may have left them with one. */
export async function ensureBarePods(bench: BenchLab, node: LabNode, names: readonly string[]): Promise<BenchPod[]> {
  const pods = await ensurePods(bench, node, names);
  await Promise.all(
    pods.map(async (pod) => {
      await setCniNetwork(bench, pod);
      const gone = async (): Promise<true | undefined> =>
        (await linksIn(pod.netnsPath)).every(({ name }) => name !== LINK) || undefined;
      await waitFor(`${pod.name} to be without ${LINK}`, gone, { limitMs: 60_000 });
    }),
  );
  return pods;
}

/** Waits until the newest run of each pod has ended. */
export async function podsQuiet(bench: BenchLab, pods: readonly BenchPod[]): Promise<void> {
  await Promise.all(pods.map((pod) => runEnded(bench, runOfPod(pod))));
}

/** Addresses that host-local has given out, on all nodes together. */
export const givenOut = ({ lab }: BenchLab, network: string): number =>
  lab.nodes.flatMap((node) => reservations(lab, node.name, network)).length;

/** To be asked when all runs have ended and nobody wishes for anything. */
export async function nothingLeft(bench: BenchLab, pods: readonly BenchPod[]): Promise<Check[]> {
  const links = (await Promise.all(pods.map((pod) => linksIn(pod.netnsPath)))).flat();
  const left = links.filter(({ name }) => name === LINK).length;
  const addresses = NETWORKS.reduce((sum, { name }) => sum + givenOut(bench, name), 0);
  return [
    { says: `no link left (${left})`, holds: left === 0 },
    { says: `no address left (${addresses})`, holds: addresses === 0 },
  ];
}
