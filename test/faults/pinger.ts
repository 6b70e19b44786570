/** Established traffic between two pods: an echo request every 20 ms from inside a pod's namespace, every one counted. */
import { findProgram } from '../../deploy/lab/commands.ts';
import { inNetns, whyFailed } from '../../deploy/lab/lab.ts';

/** Two seconds of requests; the end of a batch is the only moment at which a pinger can be stopped. */
const BATCH = 100;
const INTERVAL_SECONDS = 0.02;
/** The most that one pinger sends: four minutes. */
const MAX_BATCHES = 120;

export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

export class Pinger {
  readonly #loop: Promise<Traffic>;
  #stopped = false;

  /** @param netns of the pod that asks; @param address of the pod that answers, reached through the overlay */
  constructor(netns: string, address: string) {
    this.#loop = this.#run(netns, address);
    // Looked at in stop(); a failure before is no unhandled one.
    this.#loop.catch(() => undefined);
  }

  /** Ends after the batch that is under way. @throws Error when ping could not run */
  async stop(): Promise<Traffic> {
    this.#stopped = true;
    return this.#loop;
  }

  async #run(netns: string, address: string): Promise<Traffic> {
    const busybox = findProgram('busybox') ?? '/usr/bin/busybox';
    let sent = 0;
    let received = 0;
    for (let batch = 0; batch < MAX_BATCHES && !this.#stopped; batch += 1) {
      const args = ['ping', '-q', '-c', String(BATCH), '-i', String(INTERVAL_SECONDS), '-W', '2', address];
      const result = await inNetns(netns, busybox, args);
      const counts = /(\d+) packets transmitted, (\d+) packets received/.exec(result.stdout);
      if (counts === null) throw new Error(`ping ${address}: ${whyFailed(result)}`);
      sent += Number(counts[1]);
      received += Number(counts[2]);
    }
    return { sent, received };
  }
}
