/** The evaluation of docs/install.md from a reader's side, in a cluster without podwire: its commands as they stand, in the order of the page. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findProgram, must } from '../../deploy/lab/commands.ts';
import { kubectl, kubectlEnv, type Lab } from '../../deploy/lab/lab.ts';
import { deleteInstallation, installation, provideImages } from '../../deploy/lab/installed.ts';
import { TEST_IMAGE } from '../../deploy/lab/images.ts';
import { stopPodwire } from '../../deploy/lab/podwire.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';
import { stepsOfPage } from '../docs/install-page.ts';
import { runPage, type Program } from '../docs/page-run.ts';
import { openTestLab, waitFor } from '../lab/harness.ts';
import { ROOT } from '../runner/groups.ts';
import { freePort } from '../workflows/dev-server.ts';

const COMMAND_LIMIT_MS = 310_000;
/** What the page's pods run; the lab's image has the same program. */
const PAGE_IMAGE = 'docker.io/library/busybox:1.37';

describe('the installation page', () => {
  let lab: Lab;
  let dir: string;

  before(async () => {
    lab = await openTestLab();
    await stopPodwire(lab);
    if (installation(lab) !== undefined) await deleteInstallation(lab);
    await provideImages(lab, 'evaluation', silentProgress);
    dir = mkdtempSync(join(tmpdir(), 'podwire-install-page-'));
    cpSync(join(ROOT, 'deploy'), join(dir, 'deploy'), { recursive: true });
    for (const { criSocket } of lab.nodes)
      await must('ctr', ['-a', criSocket, '-n', 'k8s.io', 'images', 'tag', '--force', TEST_IMAGE, PAGE_IMAGE]);
  });
  after(async () => {
    rmSync(dir, { recursive: true, force: true });
    for (const name of ['podwire-first', 'podwire-system'])
      await kubectl(lab, ['delete', 'namespace', name, '--ignore-not-found', '--timeout=120s'], { timeoutMs: 130_000 });
  });

  const follow = async (group: string): Promise<void> => {
    const [grpc, ui] = [await freePort(), await freePort()];
    await runPage(stepsOfPage(group), {
      dir,
      programs: programsOf(lab),
      // The reader's ports may be somebody else's on this machine.
      replaced: { '127.0.0.1:7233': `127.0.0.1:${grpc}`, 'admin.kubeconfig': lab.kubeconfigs.admin },
      words: { '7233': `${grpc}:7233`, '8233': `${ui}:8233` },
      limitMs: COMMAND_LIMIT_MS,
      onCommand: (text) => void process.stdout.write(`# ${text}\n`),
    });
  };

  test('leads from nothing to the first networks, a look at them, and back to nothing', async () => {
    await follow('evaluation');
    await waitFor(
      'the namespace of podwire to be gone',
      async () =>
        (await kubectl(lab, ['get', 'namespace', 'podwire-system', '--ignore-not-found', '-o', 'name'])) === ''
          ? true
          : undefined,
      { limitMs: 60_000 },
    );
  });
});

function programsOf(lab: Lab): Readonly<Record<string, Program>> {
  const env = kubectlEnv(lab);
  const helm = findProgram('helm', `${process.env['PATH'] ?? ''}:/usr/local/bin`);
  return {
    kubectl: { file: lab.binaries.kubectl, env },
    temporal: { file: lab.binaries.temporal, env: { HOME: lab.dir } },
    etcdctl: { file: lab.binaries.etcdctl },
    podwire: { file: process.execPath, args: ['--import', import.meta.resolve('tsx'), join(ROOT, 'cli/main.ts')], env },
    ...(helm === undefined ? {} : { helm: { file: helm, env } }),
  };
}
