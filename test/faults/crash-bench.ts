/** Twelve pods on three nodes in four networks, and the acts that make every step of podwire run on them. */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../adapters/process/run.ts';
import { floodTargets, linksIn, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { field } from '../../deploy/demo/cluster.ts';
import { inNetns, podNetnsPath, whyFailed } from '../../deploy/lab/lab.ts';
import { failpointsFile, nodePart } from '../../deploy/lab/podwire.ts';
import { sandboxKey } from '../../domain/keys.ts';
import type { LabTest } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { settle } from '../lab/settle.ts';
import { Histories } from './histories.ts';
import { PodPatcher } from './pod-patcher.ts';
import type { Act } from './step-list.ts';

/** Pods of one network, one on each node; they do everything together. */
export interface Group {
  readonly network: string;
  readonly pods: readonly BenchPod[];
  state: State;
}

interface BenchPod extends PodRef {
  readonly node: string;
  readonly uid: string;
  readonly address: string;
  readonly netns: string;
  readonly ip: string;
  readonly vni: number;
}

type State = 'attached' | 'detached' | 'refused';
export type BenchAct = Exclude<Act, 'gone'>;

const GROUPS = 4;
const LAST_LEAVES_AFTER_MS = 300;
/** A killed orchestrator's workflow task times out after 10 s, a killed node's step after 3 s; then there are pauses and retries. */
const SETTLE = { limitMs: 60_000 };

/** From which state an act starts, and where it leads. */
export const ACTS: Readonly<Record<BenchAct, { readonly from: State; readonly to: State }>> = {
  attach: { from: 'detached', to: 'attached' },
  detach: { from: 'attached', to: 'detached' },
  refuse: { from: 'detached', to: 'refused' },
  retry: { from: 'refused', to: 'attached' },
  fail: { from: 'detached', to: 'attached' },
};

export class CrashBench {
  readonly histories: Histories;
  readonly groups: readonly Group[];
  readonly #test: LabTest;
  readonly #patcher: PodPatcher;

  private constructor(test: LabTest, patcher: PodPatcher, groups: readonly Group[]) {
    this.#test = test;
    this.#patcher = patcher;
    this.groups = groups;
    this.histories = new Histories(test.lab);
  }

  static async create(test: LabTest): Promise<CrashBench> {
    const { lab } = test;
    const perGroup = lab.nodes.length;
    const names = Array.from({ length: GROUPS * perGroup }, (_, index) => ({
      name: `p${index}`,
      node: test.node(index),
    }));
    const refs = await test.createPods(names);
    const patcher = new PodPatcher(lab);
    const pods = await Promise.all(
      refs.map(async (ref, index): Promise<BenchPod> => {
        const group = Math.floor(index / perGroup);
        return {
          ...ref,
          node: test.node(index),
          uid: await patcher.uid(ref),
          address: await field(lab, ref, '{.status.podIP}'),
          netns: await podNetnsPath(lab, ref),
          ip: `10.77.${group}.${index + 1}/24`,
          vni: 4200 + group,
        };
      }),
    );
    const groups = Array.from({ length: GROUPS }, (_, index) => ({
      network: `crash${index}`,
      pods: pods.slice(index * perGroup, (index + 1) * perGroup),
      state: 'detached' as const,
    }));
    return new CrashBench(test, patcher, groups);
  }

  /** What has to be as it is before anybody acts. */
  async prepare(acts: ReadonlyMap<Group, BenchAct>): Promise<void> {
    const pods = (wanted: BenchAct): BenchPod[] =>
      [...acts].flatMap(([group, act]) => (act === wanted ? group.pods : []));
    await this.#forgetSandboxes(pods('attach'));
    for (const [group, act] of acts) if (act === 'refuse') await this.#foreignLinks('add', group);
    this.#failFirstTries(pods('fail'));
  }

  async act(acts: ReadonlyMap<Group, BenchAct>): Promise<void> {
    await Promise.all(
      [...acts].map(async ([group, act]) => {
        group.state = ACTS[act].to;
        if (act !== 'retry') {
          const desired = (pod: BenchPod): string =>
            act === 'detach' ? '' : `${group.network} id=${pod.vni} ip=${pod.ip} up=true`;
          const [last, ...others] = group.pods.toReversed();
          await Promise.all(others.map((pod) => this.#patcher.ask(pod, desired(pod))));
          // Somebody has to be left whose forwarding entries change.
          if (act === 'detach') await sleep(LAST_LEAVES_AFTER_MS);
          if (last !== undefined) await this.#patcher.ask(last, desired(last));
          return;
        }
        await this.#foreignLinks('delete', group);
        await Promise.all(group.pods.map((pod) => this.histories.retryNow(pod)));
      }),
    );
  }

  /** Acts without a crash. */
  async undisturbed(acts: ReadonlyMap<Group, BenchAct>): Promise<void> {
    await this.prepare(acts);
    await this.act(acts);
    await this.settled();
  }

  /** NothingLeaked, and each pod's kernel as the test asked for it: ExactlyOne and MeshComplete without asking anybody. */
  async settled(): Promise<void> {
    // The cheap look first: the machine that looks is the one that recovers.
    const kernelsAreRight = (): Promise<void> =>
      settle('ExactlyOne and MeshComplete', () => this.#violations(), SETTLE);
    await kernelsAreRight();
    await nothingLeaked(this.#test.lab, SETTLE);
    await kernelsAreRight();
  }

  /** All the validators. */
  async invariants(): Promise<void> {
    const { lab, namespace } = this.#test;
    const pods = this.groups.flatMap((group) => group.pods);
    await nothingLeaked(lab, SETTLE);
    await exactlyOne(lab, pods, SETTLE);
    await statusTruth(lab, pods, SETTLE);
    for (const { network } of this.groups) await meshComplete(lab, `${namespace}/${network}`, SETTLE);
  }

  /** Repeatable: everything runs once more for pods that are as they should be, and not one link is made anew. */
  async repeatable(): Promise<void> {
    const before = await this.#linkNumbers();
    await Promise.all(this.groups.flatMap(({ pods }) => pods.map((pod) => this.histories.nudge(pod))));
    await this.settled();
    const after = await this.#linkNumbers();
    if (before !== after) throw new Error(`Repeatable does not hold: links were ${before}, are ${after}`);
  }

  async close(): Promise<void> {
    this.#patcher.close();
    await this.histories.close();
  }

  async #violations(): Promise<string[]> {
    const found = this.groups.map((group) => Promise.all(group.pods.map((pod) => podViolations(group, pod))));
    return (await Promise.all(found)).flat(2);
  }

  async #linkNumbers(): Promise<string> {
    const links = await Promise.all(this.groups.flatMap(({ pods }) => pods.map(({ netns }) => linksIn(netns))));
    return links.map((found) => found.map(({ name, ifindex }) => `${name}=${ifindex}`).join('+')).join(' ');
  }

  /** A link of somebody else under the name that the pods' network will ask for. */
  async #foreignLinks(verb: 'add' | 'delete', { network, pods }: Group): Promise<void> {
    for (const { netns } of pods) {
      const result = await inNetns(netns, 'ip', ['link', verb, network, 'type', 'bridge']);
      if (result.code !== 0) throw new Error(`foreign link ${network}: ${whyFailed(result)}`);
    }
  }

  /** So that the attach has to ask the nodes. */
  async #forgetSandboxes(pods: readonly BenchPod[]): Promise<void> {
    const { lab } = this.#test;
    if (pods.length === 0) return;
    const result = await run({
      file: lab.binaries.etcdctl,
      args: [`--endpoints=http://${lab.etcd.host}`, 'txn'],
      env: { ETCDCTL_API: '3', PATH: '/usr/bin:/bin' },
      input: `\n${pods.map((pod) => `del ${sandboxKey(pod.node, pod.uid)}\n`).join('')}\n\n`,
      timeoutMs: 10_000,
    });
    if (result.code !== 0) throw new Error(`etcdctl txn: ${whyFailed(result)}`);
  }

  #failFirstTries(pods: readonly BenchPod[]): void {
    for (const { name } of this.#test.lab.nodes) {
      const fails = pods
        .filter((pod) => pod.node === name)
        .map(() => ({ point: 'ensureVxlanLink:before', action: 'fail', once: true }));
      if (fails.length > 0) writeFileSync(failpointsFile(this.#test.lab, nodePart(name)), JSON.stringify(fails));
    }
  }
}

async function podViolations(group: Group, pod: BenchPod): Promise<string[]> {
  const ours = (await linksIn(pod.netns)).filter(
    (link) => link.kind === 'vxlan' || link.alias?.startsWith('podwire:') === true,
  );
  const seen = ours.map(
    ({ name, vni, up, addresses }) => `${name} id ${vni} ${up ? 'up' : 'down'} ${addresses.join()}`,
  );
  const asked = group.state === 'attached' ? [`${group.network} id ${pod.vni} up ${pod.ip}`] : [];
  if (seen.join('; ') !== asked.join('; '))
    return [`${pod.name} has [${seen.join('; ')}], asked for [${asked.join()}]`];
  if (asked.length === 0) return [];
  const targets = await floodTargets(pod.netns, group.network);
  const others = group.pods.filter((other) => other !== pod).map(({ address }) => address);
  return targets.join() === others.sort().join()
    ? []
    : [`${pod.name} floods to ${targets.join()}, members: ${others.join()}`];
}
