/** Established traffic between two network namespaces: a numbered UDP datagram every millisecond there and back, every one counted. */
import { fileURLToPath } from 'node:url';
import { streamLines, type LineStream } from '../../adapters/process/stream.ts';
import { run } from '../../adapters/process/run.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';

export interface UdpCount {
  readonly sent: number;
  /** Not answered within five seconds, although no program was too slow to take it. */
  readonly lost: number;
  /** Came, and were dropped because the program that should read them had no time: the machine's fault, not the network's. */
  readonly overrun: number;
}

interface Seen {
  readonly sent: number;
  readonly judged: number;
  readonly lost: number;
}

const PORT = 7007;
const LIMIT_MS = 30_000;
const NSENTER = '/usr/bin/nsenter';

export class UdpTraffic {
  readonly #netns: readonly string[];
  readonly #streams: LineStream[] = [];
  #seen: Seen = { sent: 0, judged: 0, lost: 0 };
  #overrunBefore = 0;

  private constructor(netns: readonly string[]) {
    this.#netns = netns;
  }

  /** Resolves when answers come. @param to namespace that has `address` */
  static async start(from: string, to: string, address: string): Promise<UdpTraffic> {
    const traffic = new UdpTraffic([from, to]);
    try {
      traffic.#overrunBefore = await traffic.#overruns();
      let listening = false;
      await traffic.#program(to, 'udp-echo.mjs', address, () => (listening = true));
      await soon('the echo program to listen', () => listening);
      await traffic.#program(from, 'udp-pinger.mjs', address, (line) => {
        traffic.#seen = JSON.parse(line) as Seen;
      });
      await soon('answers', () => traffic.#seen.judged > traffic.#seen.lost);
      return traffic;
    } catch (error) {
      await traffic.end();
      throw error;
    }
  }

  /** What became of everything that was sent until now. */
  async count(): Promise<UdpCount> {
    const { sent } = this.#seen;
    await soon('every datagram to be answered or lost', () => this.#seen.judged >= sent);
    const overrun = (await this.#overruns()) - this.#overrunBefore;
    return { sent, lost: Math.max(0, this.#seen.lost - overrun), overrun };
  }

  async end(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.stop()));
  }

  async #program(netns: string, script: string, address: string, onLine: (line: string) => void): Promise<void> {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const args = [`--net=${netns}`, '--', process.execPath, path, address, String(PORT)];
    this.#streams.push(await streamLines({ file: NSENTER, args, onLine }));
  }

  /** Datagrams that found the receive buffer full, in both namespaces (proc_net(5), Udp: RcvbufErrors). */
  async #overruns(): Promise<number> {
    let sum = 0;
    for (const netns of new Set(this.#netns)) {
      const args = [`--net=${netns}`, '--', '/bin/cat', '/proc/self/net/snmp'];
      const { stdout } = await run({ file: NSENTER, args, timeoutMs: 5_000 });
      const [names = [], values = []] = stdout
        .split('\n')
        .filter((line) => line.startsWith('Udp: '))
        .map((line) => line.split(' '));
      sum += Number(values[names.indexOf('RcvbufErrors')] ?? 0);
    }
    return sum;
  }
}

const soon = async (what: string, holds: () => boolean): Promise<void> => {
  await waitFor(what, async () => (holds() ? true : undefined), { limitMs: LIMIT_MS, everyMs: 50 });
};
