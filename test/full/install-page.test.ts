/**
 * docs/install.md from a reader's side, in a lab whose cluster has no podwire (`lab up --podwire none`): its commands as they stand, in
 * the order of the page. What was there to be replaced (podagent and the others) is a DaemonSet of that name without a program behind it:
 * of those, the page's commands ask nothing but to be stopped.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apply } from '../../deploy/demo/cluster.ts';
import { findProgram, must } from '../../deploy/lab/commands.ts';
import { kubectl, kubectlEnv, type Lab } from '../../deploy/lab/lab.ts';
import { TEST_IMAGE } from '../../deploy/lab/images.ts';
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
    dir = mkdtempSync(join(tmpdir(), 'podwire-install-page-'));
    cpSync(join(ROOT, 'deploy'), join(dir, 'deploy'), { recursive: true });
    for (const { criSocket } of lab.nodes)
      await must('ctr', ['-a', criSocket, '-n', 'k8s.io', 'images', 'tag', '--force', TEST_IMAGE, PAGE_IMAGE]);
  });
  after(async () => {
    rmSync(dir, { recursive: true, force: true });
    for (const name of ['podwire-first', 'podwire-system'])
      await kubectl(lab, ['delete', 'namespace', name, '--ignore-not-found', '--timeout=120s'], { timeoutMs: 130_000 });
    for (const name of REPLACED)
      await kubectl(lab, ['-n', 'kube-system', 'delete', 'daemonset,deployment', name, '--ignore-not-found']);
  });

  const follow = async (group: string): Promise<void> => {
    const [grpc, ui] = [await freePort(), await freePort()];
    await runPage(stepsOfPage(group), {
      dir,
      programs: programsOf(lab),
      // The reader's ports may be somebody else's on this machine.
      replaced: { '127.0.0.1:7233': `127.0.0.1:${grpc}`, '~/.kube/config': lab.kubeconfigs.admin },
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

  test('leads there with Helm as well', async () => {
    await follow('helm');
  });

  for (const group of ['from-kube-vxlan-controller', 'from-kaloom', 'from-multus', 'from-ksr'])
    test(`leads away from what was there before: ${group}`, async () => {
      await apply(lab, REPLACED.map(standIn));
      await follow(group);
      const left = await kubectl(lab, [
        '-n',
        'kube-system',
        'get',
        'pods',
        '-l',
        `replaced=${REPLACED_BY[group] ?? ''}`,
        '-o',
        'name',
      ]);
      assert.equal(left, '');
    });

  test('says what to look at when something is missing', async () => {
    await follow('doctor');
  });
});

const REPLACED_BY: Readonly<Record<string, string>> = {
  'from-kube-vxlan-controller': 'kube-vxlan-controller',
  'from-kaloom': 'podagent',
  'from-multus': 'dynamic-networks-controller-ds',
  'from-ksr': 'contiv-ksr',
};
const REPLACED = Object.values(REPLACED_BY);

/** Without a pod: no node has the label that it wants. */
function standIn(name: string): object {
  const labels = { replaced: name };
  const spec = {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        nodeSelector: { 'podwire.io/stand-in': 'none' },
        containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never' }],
      },
    },
  };
  const kind = name === 'kube-vxlan-controller' ? 'Deployment' : 'DaemonSet';
  return { apiVersion: 'apps/v1', kind, metadata: { name, namespace: 'kube-system' }, spec };
}

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
