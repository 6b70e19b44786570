/** What the kernel says about the links of one network namespace as it happens: one long-running `ip -ts monitor link`, no polling. */
import { readFileSync } from 'node:fs';
import { streamLines, type LineStream } from '../../adapters/process/stream.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';

export interface LinkEvent {
  /** Milliseconds since the epoch at which `ip` got the message. */
  readonly at: number;
  readonly name: string;
  readonly deleted: boolean;
  readonly up: boolean;
}

/** Far above every bar: a slow change is to be reported with its time, not as a failure. */
const LIMIT_MS = 90_000;

interface Waiter {
  readonly wanted: (event: LinkEvent) => boolean;
  readonly resolve: (event: LinkEvent) => void;
}

/** `[2026-01-02T03:04:05.678901] 7: name@parent: <FLAGS> …`, `Deleted` before the number of one that is gone. */
const LINE = /^\[([^\]]+)\]\s*(Deleted )?\s*\d+: ([^:@\s]+)[^<]*<([^>]*)>/;

export class LinkMonitor {
  #stream: LineStream | undefined;
  #events: LinkEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #what: string;

  private constructor(what: string) {
    this.#what = what;
  }

  /** Opens a monitor that misses nothing from here on. */
  static async open(netnsPath: string): Promise<LinkMonitor> {
    const monitor = new LinkMonitor(netnsPath);
    monitor.#stream = await streamInNetns(netnsPath, ['/usr/sbin/ip', '-ts', 'monitor', 'link'], (line) =>
      monitor.#take(line),
    );
    return monitor;
  }

  /** Everything seen since the last `forget`. */
  get events(): readonly LinkEvent[] {
    return this.#events;
  }

  forget(): void {
    this.#events = [];
  }

  /** The next event that is wanted; call it before what causes the event. @throws Error after the limit */
  next(what: string, wanted: (event: LinkEvent) => boolean, limitMs = LIMIT_MS): Promise<LinkEvent> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`${what} was not seen in ${this.#what} within ${limitMs / 1000} s`));
      }, limitMs);
      const waiter: Waiter = {
        wanted,
        resolve: (event) => {
          clearTimeout(timer);
          resolve(event);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  up(name: string): Promise<LinkEvent> {
    return this.next(`${name} up`, (event) => event.name === name && event.up && !event.deleted);
  }

  gone(name: string): Promise<LinkEvent> {
    return this.next(`${name} gone`, (event) => event.name === name && event.deleted);
  }

  async close(): Promise<void> {
    await this.#stream?.stop();
  }

  #take(line: string): void {
    const [, stamp, deleted, name, flags] = LINE.exec(line) ?? [];
    if (stamp === undefined || name === undefined) return;
    const up = (flags ?? '').split(',').includes('UP');
    const event: LinkEvent = { at: stampMs(stamp), name, deleted: deleted !== undefined, up };
    this.#events.push(event);
    for (const waiter of this.#waiters) {
      if (!waiter.wanted(event)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(event);
    }
  }
}

/** Milliseconds of a stamp with microseconds, which `Date.parse` cuts off. */
function stampMs(stamp: string): number {
  const [seconds, fraction = '0'] = stamp.split('.');
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000;
}

/** Starts a monitor in a namespace and returns once it listens. */
export async function streamInNetns(
  netnsPath: string,
  argv: readonly string[],
  onLine: (line: string) => void,
): Promise<LineStream> {
  const stream = await streamLines({
    file: '/usr/bin/nsenter',
    args: [`--net=${netnsPath}`, '--', ...argv],
    env: { LC_ALL: 'C', TZ: 'UTC' },
    onLine,
  });
  try {
    await waitFor(`${argv.join(' ')} to listen`, async () => (listens(stream.pid) ? true : undefined), {
      limitMs: 5_000,
      everyMs: 5,
    });
  } catch (error) {
    await stream.stop();
    throw error;
  }
  return stream;
}

/** Whether a process has a netlink socket that belongs to a group (proc/PID/net/netlink: sk, Eth, Pid, Groups, …). */
function listens(pid: number): boolean {
  return readFileSync(`/proc/${pid}/net/netlink`, 'utf8')
    .split('\n')
    .some((row) => {
      const [, , port, groups] = row.trim().split(/\s+/);
      return Number(port) === pid && Number.parseInt(groups ?? '0', 16) !== 0;
    });
}
