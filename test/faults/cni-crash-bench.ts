/** Pods with a CNI network on every node, whose node's worker is killed while their operations stand at crash points. */
import { writeFileSync } from 'node:fs';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { linksIn } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, stopPart } from '../../deploy/lab/lab.ts';
import { failpointsFile, nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import type { FakePlugin } from '../fakes/cni-plugin/install.ts';
import { cniGrammar, realPlugin, recording, recordPlugin, removePlugins } from '../lab/cni-grammar.ts';
import {
  bridgeConfig,
  bridgePorts,
  defineNetworks,
  labNode,
  reservations,
  waitDetached,
  wantNetworks,
} from '../lab/cni-networks.ts';
import type { LabTest } from '../lab/harness.ts';
import { intentFirst, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { settle } from '../lab/settle.ts';
import { holdAndKill } from './hold-and-kill.ts';
import type { CniAct, CniCrashPoint } from './step-list.ts';

const NETWORK = 'crash';
const BRIDGE = 'br-crash';
const INTERFACE = 'crash0';
/** A killed node's step is noticed after 3 s; then there are pauses and retries. */
const SETTLE = { limitMs: 60_000 };
/** The first who comes waits for the last; below the minute of a CNI step. */
const HOLD_MS = 4_000;
/** Longer than it takes to look and to kill. */
const PLUGIN_SLEEPS_MS = 10_000;

/** What one node does in a round, and the points at which its worker dies. */
export interface Hand {
  readonly node: string;
  readonly act: CniAct;
  readonly points: readonly string[];
}

interface CrashPod extends PodRef {
  readonly node: string;
  readonly netns: string;
}

export class CniCrashBench {
  readonly #test: LabTest;
  readonly #pods: readonly CrashPod[];
  readonly #recorders: ReadonlyMap<string, FakePlugin>;
  readonly #attached = new Map<string, boolean>();

  private constructor(test: LabTest, pods: readonly CrashPod[], recorders: ReadonlyMap<string, FakePlugin>) {
    this.#test = test;
    this.#pods = pods;
    this.#recorders = recorders;
  }

  /** @param perNode pods on each node: so many points can be held at once */
  static async create(test: LabTest, perNode: number): Promise<CniCrashBench> {
    const { lab } = test;
    removePlugins(lab.nodes);
    await defineNetworks(lab, test.namespace, { [NETWORK]: bridgeConfig(NETWORK, BRIDGE, '10.96.0.0/24') });
    const wanted = lab.nodes.flatMap(({ name }) =>
      Array.from({ length: perNode }, (_, index) => ({ name: `${name}-${index}`, node: name, label: false })),
    );
    const refs = await test.createPods(wanted);
    const pods = await Promise.all(
      refs.map(async (ref, index) => ({
        ...ref,
        node: wanted[index]?.node ?? '',
        netns: await podNetnsPath(lab, ref),
      })),
    );
    return new CniCrashBench(test, pods, new Map(lab.nodes.map((node) => [node.name, recordPlugin(node, 'bridge')])));
  }

  /**
   * Every hand's pods act, the workers die while operations stand at their points, and are started again; all has to come right.
   *
   * @returns for each hand the points at which something stood
   */
  async round(hands: readonly Hand[]): Promise<string[][]> {
    const { lab } = this.#test;
    for (const { node, act } of hands) this.#prepare(node, act);
    const acting = Promise.resolve().then(() => Promise.all(hands.map((hand) => this.#act(hand))));
    const covered = await Promise.all(
      hands.map(({ node, points }) =>
        holdAndKill(lab, nodePart(node), { points, holdMs: HOLD_MS, act: () => acting.then(() => undefined) }),
      ),
    );
    await intentFirst(lab);
    await Promise.all(hands.map(({ node }) => startPodwirePart(lab, nodePart(node))));
    await this.settled();
    return covered;
  }

  /** The worker dies while the plugins of its pods run, after they have made their links. */
  async killWhilePluginsRun(node: string): Promise<void> {
    const { lab } = this.#test;
    const pods = this.#pods.filter((pod) => pod.node === node);
    const recorder = this.#recorders.get(node);
    const delegate = realPlugin('bridge');
    const began = recorder?.events().length ?? 0;
    recorder?.control({ ADD: { delegate, times: pods.length, sleepMs: PLUGIN_SLEEPS_MS }, '*': { delegate } });
    await this.#act({ node, act: 'attach', points: [] });
    await settle('every pod has its link', async () => this.#withoutLink(pods), { limitMs: 15_000 });
    await stopPart(lab, nodePart(node), 'SIGKILL');
    // Whether a network's plugins are ready is asked before, of no pod.
    const started = (recorder?.events() ?? []).slice(began).filter(({ command }) => command !== 'STATUS');
    if (started.some(({ event }) => event === 'end')) throw new Error('a plugin ended before its worker was killed');
    await startPodwirePart(lab, nodePart(node));
    await this.settled();
    const survivors = (recorder?.events() ?? []).filter(
      ({ event, pid }) => event === 'end' && started.some((start) => start.pid === pid),
    );
    if (survivors.length > 0) throw new Error(`${survivors.length} plugins outlived their worker`);
  }

  /** Acts without a crash, for what has to be as it was. */
  async undisturbed(hands: readonly Omit<Hand, 'points'>[]): Promise<void> {
    for (const { node } of hands) this.#prepare(node, 'attach');
    await Promise.all(hands.map((hand) => this.#act({ ...hand, points: [] })));
    await this.settled();
  }

  /** ExactlyOne, by the kernel and by host-local; NothingLeaked; CniGrammar. */
  async settled(): Promise<void> {
    await settle('ExactlyOne', () => this.#violations(), SETTLE);
    await nothingLeaked(this.#test.lab, SETTLE);
    await settle('ExactlyOne', () => this.#violations(), SETTLE);
    for (const recorder of this.#recorders.values()) cniGrammar([recorder]);
  }

  async statusIsTrue(): Promise<void> {
    await statusTruth(this.#test.lab, this.#pods, SETTLE);
  }

  isAttached(node: string): boolean {
    return this.#attached.get(node) === true;
  }

  async close(): Promise<void> {
    await waitDetached(this.#test.lab, this.#test.namespace).catch(() => undefined);
    removePlugins(this.#test.lab.nodes);
  }

  #prepare(node: string, act: CniAct): void {
    const pods = this.#pods.filter((pod) => pod.node === node).length;
    const delegate = realPlugin('bridge');
    this.#recorders.get(node)?.control(
      act === 'fail'
        ? // Half a success: the link is made, and then the plugin fails.
          { ADD: { delegate, times: pods, exit: 1, print: '' }, '*': { delegate } }
        : recording('bridge'),
    );
    writeFileSync(failpointsFile(this.#test.lab, nodePart(node)), '[]');
  }

  async #act({ node, act }: Hand): Promise<void> {
    this.#attached.set(node, act !== 'detach');
    const networks = act === 'detach' ? null : [{ name: NETWORK, interface: INTERFACE }];
    await Promise.all(
      this.#pods.filter((pod) => pod.node === node).map((pod) => wantNetworks(this.#test.lab, pod, networks)),
    );
  }

  async #withoutLink(pods: readonly CrashPod[]): Promise<string[]> {
    const links = await Promise.all(pods.map(({ netns }) => linksIn(netns)));
    return pods.flatMap(({ name }, at) => (links[at]?.some((link) => link.name === INTERFACE) === true ? [] : [name]));
  }

  async #violations(): Promise<string[]> {
    const { lab } = this.#test;
    const found = await Promise.all(
      lab.nodes.map(async ({ name: node }) => {
        const pods = this.#pods.filter((pod) => pod.node === node);
        const links = await Promise.all(pods.map(({ netns }) => linksIn(netns)));
        const wanted = this.isAttached(node) ? 1 : 0;
        const wrong = links.flatMap((seen, index) => {
          const [link, ...others] = seen.filter(({ name }) => !['lo', 'eth0'].includes(name));
          const right =
            wanted === 0
              ? link === undefined
              : link?.name === INTERFACE && link.up && link.addresses.length === 1 && others.length === 0;
          return right
            ? []
            : [`${pods[index]?.name ?? ''} has ${seen.map(({ name }) => name).join()}, wanted ${wanted}`];
        });
        const held = reservations(lab, labNode(lab, node).name, NETWORK).length;
        const ports = (await bridgePorts(lab, node, BRIDGE)).length;
        const right = wanted * pods.length;
        return [
          ...wrong,
          ...(held === right ? [] : [`${node} has ${held} reservations instead of ${right}`]),
          ...(ports === right ? [] : [`${node} has ${ports} ports on ${BRIDGE} instead of ${right}`]),
        ];
      }),
    );
    return found.flat();
  }
}

/**
 * Every point gets a kill, as many in one as there are pods for; a node leads on where it has nothing to be killed at.
 *
 * @returns one line for each round. @throws Error naming points that were never reached
 */
export async function coverCniPoints(
  bench: CniCrashBench,
  nodes: readonly string[],
  points: readonly CniCrashPoint[],
  perNode: number,
): Promise<string[]> {
  let pending = points;
  const lines: string[] = [];
  for (let idle = 0; pending.length > 0;) {
    const left = [...pending];
    const hands = nodes.map((node): Hand => {
      const can = (act: CniAct): boolean => (act === 'detach') === bench.isAttached(node);
      const act = left.find((point) => can(point.act))?.act ?? (bench.isAttached(node) ? 'detach' : 'attach');
      const own = left.filter((point) => point.act === act).slice(0, perNode);
      for (const point of own) left.splice(left.indexOf(point), 1);
      return { node, act, points: own.map(({ point }) => point) };
    });
    const armed = hands.filter((hand) => hand.points.length > 0);
    if (armed.length === 0) {
      await bench.undisturbed(hands);
      continue;
    }
    const covered = await bench.round(armed);
    lines.push(armed.map(({ node, act }, at) => `${node} ${act}: ${covered[at]?.join(', ') ?? ''}`).join('; '));
    const before = pending.length;
    pending = pending.filter(
      ({ act, point }) => !armed.some((hand, at) => hand.act === act && covered[at]?.includes(point) === true),
    );
    idle = pending.length === before ? idle + 1 : 0;
    if (idle === 3) throw new Error(`never reached: ${pending.map(({ point }) => point).join(', ')}`);
  }
  return lines;
}
