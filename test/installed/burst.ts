/** Pods that come at once, each asking for a VXLAN and a CNI network, and what must hold of all of them afterwards. */
import { apply, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { bridgeConfig, bridgePorts, defineNetworks, reservations } from '../lab/cni-networks.ts';
import type { LabTest } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { settle, type SettleOptions } from '../lab/settle.ts';
import { publishedStatus } from '../lab/status-truth.ts';

export interface Network {
  /** Of both networks; unique in the lab, as plugins keep what they remember by it. At most 10 characters. */
  readonly name: string;
  /** VXLAN id. */
  readonly id: number;
  /** First two octets of both networks' addresses, e.g. `10.70`. */
  readonly prefix: string;
}

/** Where its pods are. */
export type Place = Pick<LabTest, 'lab' | 'namespace' | 'node'>;

/** Interface of the CNI network. */
const WIRED = 'wired0';

interface Member extends PodRef {
  readonly node: string;
}

export class Burst {
  readonly #test: Place;
  readonly #network: Network;
  readonly #members: Member[] = [];
  /** Also of pods that are gone: names and addresses are not used twice. */
  #asked = 0;

  private constructor(test: Place, network: Network) {
    this.#test = test;
    this.#network = network;
  }

  /** Defines the CNI network; there are no pods yet. */
  static async prepare(test: Place, network: Network): Promise<Burst> {
    const { name, prefix } = network;
    const config = bridgeConfig(name, `br-${name}`, `${prefix}.1.0/24`);
    await defineNetworks(test.lab, test.namespace, { [name]: config });
    return new Burst(test, network);
  }

  get pods(): readonly PodRef[] {
    return this.#members;
  }

  /** Creates pods at once, spread over the nodes or all on one, and waits for nothing. */
  async ask(count: number, node?: string): Promise<PodRef[]> {
    const { lab, namespace } = this.#test;
    const { name, id, prefix } = this.#network;
    const first = this.#asked;
    this.#asked += count;
    const added = Array.from({ length: count }, (_, index) => ({
      namespace,
      name: `${name}${first + index}`,
      node: node ?? this.#test.node(first + index),
    }));
    this.#members.push(...added);
    const manifests = added.map((member, index) => {
      const networks = `${name} id=${id} ip=${prefix}.0.${first + index + 1}/24 up=true`;
      const manifest = podManifest(member, { node: member.node, networks, image: lab.testImage }) as {
        metadata: { annotations: Record<string, string> };
      };
      manifest.metadata.annotations['k8s.v1.cni.cncf.io/networks'] = JSON.stringify([{ name, interface: WIRED }]);
      return manifest;
    });
    await apply(lab, manifests);
    return added;
  }

  /** Pods that somebody else deleted are no members any more. */
  forget(gone: readonly PodRef[]): void {
    const kept = this.#members.filter((member) => !gone.some(({ name }) => name === member.name));
    this.#members.splice(0, this.#members.length, ...kept);
  }

  /** Both links of every pod, as a later look can compare them. */
  async links(): Promise<Map<string, readonly (SeenLink | undefined)[]>> {
    const { lab } = this.#test;
    const look = async (pod: PodRef): Promise<[string, (SeenLink | undefined)[]]> => [
      pod.name,
      [await podLink(lab, pod, this.#network.name), await podLink(lab, pod, WIRED)].map(
        // The alias is podwire's own note; a new generation in it touches nothing.
        (link) => link && { ...link, alias: undefined },
      ),
    ];
    return new Map(await Promise.all(this.#members.map(look)));
  }

  /** Waits until every pod has both networks exactly once, statuses and meshes are right, and nothing else is there. @throws Error with what is wrong */
  async attached(o: SettleOptions): Promise<void> {
    const { lab, namespace } = this.#test;
    await waitRunning(lab, this.#members, o.limitMs);
    await exactlyOne(lab, this.#members, o);
    await settle('ExactlyOne of the CNI network', () => this.#wiredViolations(), o);
    await meshComplete(lab, `${namespace}/${this.#network.name}`, o);
    await statusTruth(lab, this.#members, o);
    await nothingLeaked(lab, o);
  }

  async #wiredViolations(): Promise<string[]> {
    const { lab } = this.#test;
    const { name } = this.#network;
    const ofPods = this.#members.map(async (pod) => {
      const [link, status] = await Promise.all([podLink(lab, pod, WIRED), publishedStatus(lab, pod)]);
      const said = status.filter((entry) => entry.state === 'Attached').map((entry) => entry.interface);
      const right = link?.up === true && link.addresses.length === 1;
      return [
        ...(right ? [] : [`${pod.name}: ${WIRED} is ${link === undefined ? 'absent' : link.addresses.join(' ')}`]),
        ...(said.sort().join() === [name, WIRED].sort().join() ? [] : [`${pod.name}: attached is [${said.join()}]`]),
      ];
    });
    const ofNodes = lab.nodes.map(async (node) => {
      const wanted = this.#members.filter((member) => member.node === node.name).length;
      const reserved = reservations(lab, node.name, name).length;
      const ports = (await bridgePorts(lab, node.name, `br-${name}`)).length;
      const right = reserved === wanted && ports === wanted;
      return right ? [] : [`${node.name}: ${wanted} pods, ${reserved} addresses, ${ports} ports`];
    });
    return (await Promise.all([...ofPods, ...ofNodes])).flat();
  }
}

/** Seconds since a moment of `performance.now()`, for people. */
export const since = (start: number): string => `${((performance.now() - start) / 1_000).toFixed(1)} s`;
