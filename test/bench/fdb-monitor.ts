/** Changes of forwarding entries in one namespace as they happen: one long-running `bridge -timestamp monitor fdb`. */
import type { LineStream } from '../../adapters/process/stream.ts';
import { streamInNetns } from './link-monitor.ts';

export interface FdbEvent {
  /** Milliseconds since the epoch at which `bridge` got the message. */
  readonly at: number;
  readonly deleted: boolean;
  readonly destination: string;
}

/** `Timestamp: Sat Nov 21 11:53:39 2026 127202 usec` (iproute2 6.1), before every entry. */
const STAMP = /^Timestamp: (.+) (\d+) usec$/;
/** Flood entries only. */
const ENTRY = /^(Deleted )?00:00:00:00:00:00 dev \S+ dst (\S+)/;

export class FdbMonitor {
  /** All seen so far. */
  readonly events: readonly FdbEvent[];
  readonly #stream: LineStream;

  private constructor(events: readonly FdbEvent[], stream: LineStream) {
    this.events = events;
    this.#stream = stream;
  }

  static async open(netnsPath: string): Promise<FdbMonitor> {
    const events: FdbEvent[] = [];
    let at = 0;
    const stream = await streamInNetns(netnsPath, ['/usr/sbin/bridge', '-timestamp', 'monitor', 'fdb'], (line) => {
      const stamp = STAMP.exec(line);
      if (stamp !== null) at = Date.parse(`${stamp[1]} UTC`) + Number(stamp[2]) / 1000;
      const entry = ENTRY.exec(line);
      if (entry !== null) events.push({ at, deleted: entry[1] !== undefined, destination: entry[2] ?? '' });
    });
    return new FdbMonitor(events, stream);
  }

  close(): Promise<void> {
    return this.#stream.stop();
  }
}
