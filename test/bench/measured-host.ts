/** podwire as processes of this machine, beside the cluster; one orchestrator, Node of this machine. */
import { readFileSync } from 'node:fs';
import { buildPodwire } from '../../deploy/demo/build.ts';
import { uninstallPodwire } from '../../deploy/lab/installed.ts';
import { inNetns, type Lab, type Progress } from '../../deploy/lab/lab.ts';
import { logFile, partPid } from '../../deploy/lab/parts.ts';
import {
  nodePart,
  startPodwire,
  startPodwirePart,
  stopPodwire,
  WATCHER_PART,
  type PodwireOptions,
} from '../../deploy/lab/podwire.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import type { Compared } from './compared-settings.ts';
import type { MeasuredPodwire } from './measured-podwire.ts';
import { NO_RELISTS, NO_SWEEPS } from './quiet-settings.ts';
import type { Site } from './site.ts';

const WATCHER_READY = 'http://127.0.0.1:9464/readyz';

let built: Promise<void> | undefined;

export class HostPodwire implements MeasuredPodwire {
  readonly way = 'host';
  readonly lab: Lab;
  readonly compared: Compared;
  readonly #progress: Progress;

  constructor({ lab, compared, progress }: Site) {
    this.lab = lab;
    this.compared = compared;
    this.#progress = progress;
  }

  async start(): Promise<void> {
    await uninstallPodwire(this.lab);
    // What an older build does is no figure of this one.
    await (built ??= this.#progress.task('tsc and the workflow bundle', buildPodwire));
    await startPodwire(this.lab, this.#part());
    const watcher = { logLevel: 'debug', env: { ...NO_RELISTS, ...this.compared } };
    await startPodwirePart(this.lab, WATCHER_PART, watcher);
    await waitFor(
      'the watcher to be ready',
      async () => {
        const { code } = await inNetns(this.lab.controlNetnsPath, 'busybox', [
          ...['wget', '-q', '-O', '/dev/null'],
          WATCHER_READY,
        ]);
        return code === 0 ? true : undefined;
      },
      { limitMs: 30_000, everyMs: 100 },
    );
  }

  async restart(): Promise<void> {
    await stopPodwire(this.lab);
    await this.start();
  }

  async tellPlugins(node: string, told: boolean): Promise<void> {
    await startPodwirePart(this.lab, nodePart(node), told ? { ...this.#part(), logLevel: 'debug' } : this.#part());
  }

  pids(part: string): readonly number[] {
    const pid = partPid(this.lab, part);
    return pid === undefined ? [] : [pid];
  }

  logLines(part: string, count: number): string[] {
    return readFileSync(logFile(this.lab, part), 'utf8').trimEnd().split('\n').slice(-count);
  }

  async end(): Promise<void> {
    await stopPodwire(this.lab);
  }

  #part(): PodwireOptions {
    return { env: { ...NO_SWEEPS, ...this.compared } };
  }
}
