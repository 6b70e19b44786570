/** An observer of pods' interfaces: identity before and after, forwarding entries all the time, and pings all the while. */
import assert from 'node:assert/strict';
import { floodTargets, linksIn, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import { Pinger, type Traffic } from '../faults/pinger.ts';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Watched extends PodRef {
  /** Interfaces that nobody may touch. */
  readonly interfaces: readonly string[];
  /** Reached through them. */
  readonly peer: string;
}

interface Seen {
  readonly pod: Watched;
  readonly netns: string;
  readonly links: ReadonlyMap<string, SeenLink | undefined>;
  readonly floods: ReadonlyMap<string, readonly string[]>;
}

/** The alias is podwire's own note; a new generation in it touches nothing. */
const identity = (link: SeenLink | undefined): unknown => link && { ...link, alias: undefined };

export class Untouched {
  readonly #before: readonly Seen[];
  readonly #pingers: readonly Pinger[];
  readonly #lost = new Set<string>();
  #watching = true;
  readonly #loop: Promise<void>;
  #looks = 0;

  private constructor(before: readonly Seen[]) {
    this.#before = before;
    this.#pingers = before.map(({ netns, pod }) => new Pinger(netns, pod.peer));
    this.#loop = this.#watch();
  }

  static async watch(lab: Lab, pods: readonly Watched[]): Promise<Untouched> {
    return new Untouched(await Promise.all(pods.map((pod) => see(pod, lab))));
  }

  /** Ends the pings. @throws AssertionError saying what was touched, lost or missing */
  async verify(): Promise<string> {
    this.#watching = false;
    await this.#loop;
    const traffic: Traffic[] = await Promise.all(this.#pingers.map((pinger) => pinger.stop()));
    assert.deepEqual([...this.#lost], [], 'forwarding entries that were missing for a while');
    for (const { pod, netns, links } of this.#before) {
      const now = await linksIn(netns);
      for (const [name, link] of links)
        assert.deepEqual(identity(now.find((each) => each.name === name)), identity(link), `${pod.name} ${name}`);
    }
    for (const { sent, received } of traffic) assert.equal(received, sent, 'established pings lose nothing');
    return `${this.#looks} looks at the entries; pings ${traffic.map(({ sent, received }) => `${received}/${sent}`).join(' ')}`;
  }

  async #watch(): Promise<void> {
    while (this.#watching) {
      for (const { pod, netns, floods } of this.#before) {
        for (const [name, targets] of floods) {
          const now = new Set(await floodTargets(netns, name));
          const missing = targets.filter((target) => !now.has(target));
          missing.forEach((target) => this.#lost.add(`${pod.name} ${name} ${target}`));
        }
      }
      this.#looks += 1;
      await sleep(100);
    }
  }
}

async function see(pod: Watched, lab: Lab): Promise<Seen> {
  const netns = await podNetnsPath(lab, pod);
  const all = await linksIn(netns);
  const links = new Map(pod.interfaces.map((name) => [name, all.find((link) => link.name === name)]));
  for (const [name, link] of links) assert.ok(link, `${pod.name} has no ${name} to begin with`);
  const floods = new Map<string, readonly string[]>();
  for (const [name, link] of links) if (link?.kind === 'vxlan') floods.set(name, await floodTargets(netns, name));
  return { pod, netns, links, floods };
}
