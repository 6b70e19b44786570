/** When NPWG's network-status of a pod says something, as whoever watches the API learns it. */
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { apiPath, bodyOf } from '../../adapters/kubernetes/client.ts';
import { NPWG_STATUS_ANNOTATION } from '../../domain/settings.ts';
import { NAMESPACE, type BenchLab } from './bench-lab.ts';
import { wallNow } from './wall-clock.ts';

const LIMIT_MS = 90_000;
const PATH = apiPath('api', 'v1', 'namespaces', NAMESPACE, 'pods');

interface WatchEvent {
  readonly object?: { metadata?: { name?: string; annotations?: Readonly<Record<string, string>> } };
}

interface Waiter {
  readonly pod: string;
  readonly wanted: (interfaces: readonly string[]) => boolean;
  readonly resolve: (at: number) => void;
}

export class StatusWatch {
  readonly #answer: IncomingMessage;
  readonly #waiters = new Set<Waiter>();

  private constructor(answer: IncomingMessage) {
    this.#answer = answer;
    // Closing destroys the stream in mid-line.
    answer.on('error', () => undefined);
    createInterface({ input: answer }).on('line', (line) => this.#take(line));
  }

  /** Opens a watch that misses nothing from here on. */
  static async open({ kube }: BenchLab): Promise<StatusWatch> {
    const list = bodyOf(await kube.call({ method: 'GET', path: PATH }), 'list pods');
    const { resourceVersion } = (list as { metadata: { resourceVersion: string } }).metadata;
    return new StatusWatch(await kube.open({ method: 'GET', path: PATH, query: { watch: '1', resourceVersion } }));
  }

  /** Milliseconds since the epoch; call it before what causes the change. @throws Error after the limit */
  says(pod: string, link: string, attached: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(
          new Error(`the status of ${pod} did not ${attached ? 'get' : 'lose'} ${link} within ${LIMIT_MS / 1000} s`),
        );
      }, LIMIT_MS);
      const waiter: Waiter = {
        pod,
        wanted: (interfaces) => interfaces.includes(link) === attached,
        resolve: (at) => {
          clearTimeout(timer);
          resolve(at);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.#answer.destroy();
  }

  #take(line: string): void {
    const at = wallNow();
    const { name, annotations } = (JSON.parse(line) as WatchEvent).object?.metadata ?? {};
    if (name === undefined) return;
    const text = annotations?.[NPWG_STATUS_ANNOTATION];
    const entries = text === undefined ? [] : (JSON.parse(text) as { interface?: string }[]);
    const interfaces = entries.map((entry) => entry.interface ?? '');
    for (const waiter of this.#waiters) {
      if (waiter.pod !== name || !waiter.wanted(interfaces)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(at);
    }
  }
}
