/** Who follows docs/install.md in a lab: the folder that the reader is in, the programs, and a cluster in which podwire is not. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureHelm } from '../../deploy/lab/helm.ts';
import { deleteInstallation, inSystem, installation, SYSTEM_NAMESPACE } from '../../deploy/lab/installed.ts';
import { kubectl, kubectlEnv, type Lab } from '../../deploy/lab/lab.ts';
import { stopPodwire } from '../../deploy/lab/podwire.ts';
import { stepsOfPage } from '../docs/install-page.ts';
import type { PageStep } from '../docs/page-commands.ts';
import { runPage, type PageSetting, type Program } from '../docs/page-run.ts';
import { waitFor } from '../lab/harness.ts';
import { ROOT } from '../runner/groups.ts';

const COMMAND_LIMIT_MS = 310_000;
const DELETION = ['-l', 'app.kubernetes.io/part-of=podwire', '--ignore-not-found', '--timeout=120s'];

export interface Reading extends Partial<Pick<PageSetting, 'replaced' | 'words'>> {
  /** Of every command. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Reader {
  /** Has podwire's `deploy`, and what the page writes. */
  readonly dir: string;
  readonly #lab: Lab;
  readonly #programs: Readonly<Record<string, Program>>;

  private constructor(lab: Lab, dir: string, helm: string) {
    this.#lab = lab;
    this.dir = dir;
    this.#programs = programsOf(lab, dir, helm);
  }

  /** Takes podwire out of the lab's cluster, whoever brought it there. */
  static async begin(lab: Lab): Promise<Reader> {
    await stopPodwire(lab);
    if (installation(lab) !== undefined) await deleteInstallation(lab);
    const dir = mkdtempSync(join(tmpdir(), 'podwire-install-page-'));
    cpSync(join(ROOT, 'deploy'), join(dir, 'deploy'), { recursive: true });
    const reader = new Reader(lab, dir, await ensureHelm());
    await reader.takeAway();
    return reader;
  }

  async follow(group: string, reading: Reading = {}): Promise<void> {
    await this.run(stepsOfPage(group), reading);
  }

  /** Some of a group's steps. */
  async run(steps: readonly PageStep[], { replaced, words = {}, env }: Reading = {}): Promise<void> {
    const programs = Object.entries(this.#programs).map(([name, program]) => [
      name,
      { ...program, env: { ...program.env, ...env } },
    ]);
    await runPage(steps, {
      dir: this.dir,
      programs: Object.fromEntries(programs) as Record<string, Program>,
      replaced: { ...replaced, 'admin.kubeconfig': this.#lab.kubeconfigs.admin },
      words,
      limitMs: COMMAND_LIMIT_MS,
      onCommand: (text) => void process.stdout.write(`# ${text}\n`),
    });
  }

  /** Deletes what is left of podwire, of KSR's place too, but no definitions of kinds. */
  async takeAway(): Promise<void> {
    const overlay = join(this.dir, 'deploy/overlays/ksr');
    await kubectl(this.#lab, ['delete', '-k', overlay, ...DELETION], { timeoutMs: 130_000 });
    await this.gone();
  }

  async gone(): Promise<void> {
    const look = ['get', 'namespace', SYSTEM_NAMESPACE, '--ignore-not-found', '-o', 'name'];
    await waitFor(
      'the namespace of podwire to be gone',
      async () => ((await kubectl(this.#lab, look)) === '' ? true : undefined),
      { limitMs: 60_000 },
    );
  }

  /** Ends the reading. */
  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Containers of podwire's pods: another one in a pod's place, or a restart, changes it. */
export async function lives(lab: Lab): Promise<string[]> {
  const text = await inSystem(lab, ['get', 'pods', '-o', 'json']);
  const { items } = JSON.parse(text) as {
    items: { metadata: { name: string; uid: string }; status: { containerStatuses?: { containerID?: string }[] } }[];
  };
  return items
    .flatMap(({ metadata, status }) =>
      (status.containerStatuses ?? []).map((each) => `${metadata.name} ${metadata.uid} ${each.containerID ?? 'none'}`),
    )
    .sort();
}

function programsOf(lab: Lab, home: string, helm: string): Readonly<Record<string, Program>> {
  const env = kubectlEnv(lab);
  return {
    kubectl: { file: lab.binaries.kubectl, env },
    temporal: { file: lab.binaries.temporal, env: { HOME: home } },
    etcdctl: { file: lab.binaries.etcdctl },
    podwire: { file: process.execPath, args: ['--import', import.meta.resolve('tsx'), join(ROOT, 'cli/main.ts')], env },
    helm: { file: helm, env },
  };
}
