/** The life of a lab: `up` goes on where one was killed and repeats itself without harm, `down` leaves nothing, labs leave each other alone. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { apply, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import { must } from '../../deploy/lab/commands.ts';
import { kubectl, labDown, openLab, silentProgress } from '../../deploy/lab/lab.ts';
import { labLayout, nodeLayout } from '../../deploy/lab/layout.ts';
import { partPid } from '../../deploy/lab/parts.ts';
import { readState } from '../../deploy/lab/state.ts';
import { waitFor } from '../lab/harness.ts';
import { labsBeside, TEST_LAB } from '../runner/test-lab.ts';
import { lab, labAs, labKilled } from './lab-command.ts';
import { inHostFolders, labTraces, namedAfter, partPids } from './lab-traces.ts';

/** Whoever clears away the tests' lab clears away these. */
const [FIRST, SECOND] = labsBeside(process.env['PODWIRE_TEST_LAB'] ?? TEST_LAB);

const node = nodeLayout(labLayout(FIRST), 1);
const inNodeMounts = (...argv: string[]): Promise<string> =>
  must('nsenter', [`--mount=${node.mountNsPath}`, '--', ...argv]);
const runs = (name: string, part: string): boolean => partPid(labLayout(name), part) !== undefined;
const up = (name: string): string[] => ['up', '--name', name, '--nodes', '1'];

/** State of each part in what `status` printed. */
const statesIn = (printed: string): Record<string, string> =>
  Object.fromEntries(
    [...printed.matchAll(/^(\S+) +(pid \d+|ENDED|NOT STARTED) /gm)].map(([, part = '', state = '']) => [part, state]),
  );

describe('the life of a lab', () => {
  const hostFolders = inHostFolders();
  before(removeBoth);
  after(removeBoth);

  async function removeBoth(): Promise<void> {
    for (const name of [FIRST, SECOND]) await labDown({ name, progress: silentProgress });
  }

  test('without root `up` says so in one line, before anything is changed', async () => {
    // A user namespace without root, in which files are still root's to write.
    const refused = await labAs(['unshare', '--user', '--map-user=1000', '--'], ...up(FIRST));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^lab: the lab needs root [^\n]*: run it as root or with sudo\n$/);
    assert.deepEqual(await namedAfter(FIRST), []);
  });

  test('an `up` that is killed midway leaves a lab whose status tells what runs; the next `up` keeps that and completes it', async () => {
    const underway = ['containerd-n1', 'temporal', 'podwire-etcd'];
    await labKilled(up(FIRST), () => underway.every((part) => runs(FIRST, part)));
    // In its first moments: what it leaves may be of no use to the next one.
    const ended = partPid(labLayout(FIRST), 'podwire-etcd');
    assert.ok(ended);
    process.kill(ended, 'SIGKILL');
    await waitFor('the killed part to be gone', async () => (runs(FIRST, 'podwire-etcd') ? undefined : true), {
      limitMs: 5_000,
      everyMs: 10,
    });
    const kept = Object.fromEntries(Object.entries(partPids(FIRST)).filter(([part]) => part !== 'podwire-etcd'));
    assert.ok(kept['kube-apiserver']);
    // As if it had been killed a moment earlier: the node's mount namespace is half made.
    await inNodeMounts('umount', '/var/lib/cni');

    const partial = await lab('status', '--name', FIRST);
    assert.equal(partial.code, 1);
    assert.match(partial.stderr, new RegExp(`lab '${FIRST}' was started only in part; start it with: .* up --name`));
    const states = statesIn(partial.stdout);
    for (const [part, pid] of Object.entries(kept).filter(([part]) => !part.startsWith('forward-')))
      assert.equal(states[part], `pid ${pid}`, part);
    assert.equal(states['podwire-etcd'], 'ENDED');
    assert.equal(states['kubelet-n1'], 'NOT STARTED');
    assert.equal(states['kube-scheduler'], 'NOT STARTED');

    const completed = await lab(...up(FIRST));
    assert.equal(completed.code, 0, completed.stderr);
    const now = partPids(FIRST);
    assert.deepEqual(Object.fromEntries(Object.keys(kept).map((part) => [part, now[part]])), kept);
    assert.equal(
      (await inNodeMounts('stat', '--format=%i', '/var/lib/cni')).trim(),
      String(statSync(node.cniLibDir).ino),
    );
    const whole = await lab('status', '--name', FIRST);
    assert.equal(whole.code, 0, whole.stderr);
    assert.match(whole.stdout, /^n1 +Ready /m);
    assert.deepEqual(
      Object.entries(statesIn(whole.stdout)).filter(([, state]) => !state.startsWith('pid ')),
      [],
    );
  });

  test('a second `up` changes nothing: same processes, namespaces, mounts and files, also in pods', async () => {
    const first = await openLab(FIRST);
    const pod = { namespace: 'default', name: 'lives' };
    // Without it no pod can be made.
    await kubectl(first, ['-n', 'default', 'get', 'serviceaccount', 'default']);
    await apply(first, [podManifest(pod, { node: 'n1', label: false, image: first.testImage })]);
    await waitRunning(first, [pod]);
    const traces = labTraces(FIRST);
    assert.ok(traces.inPods.length > 0 && traces.mounts.length > 0);
    const again = await lab(...up(FIRST));
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(labTraces(FIRST), traces);
  });

  test('`down` clears away what killed `up`s of another lab left, and the first lab notices nothing', async () => {
    const traces = labTraces(FIRST);
    const moments: [string, () => boolean][] = [
      ['its state is written', () => readState(labLayout(SECOND)) !== undefined],
      ['its first namespaces are there', () => existsSync(`/run/netns/pw-${SECOND}-control`)],
      ['its node has a mount namespace', () => existsSync(`/run/podwire-lab/${SECOND}/n1/mount-ns/mnt`)],
      ['its API server runs', () => runs(SECOND, 'kube-apiserver')],
    ];
    for (const [what, moment] of moments) {
      await labKilled(up(SECOND), moment);
      assert.notDeepEqual(await namedAfter(SECOND), [], what);
      const down = await lab('down', '--name', SECOND);
      assert.equal(down.code, 0, `${what}: ${down.stderr}`);
      assert.deepEqual(await namedAfter(SECOND), [], what);
    }
    assert.deepEqual(labTraces(FIRST), traces);
  });

  test('a lab comes up beside the first and goes, although its `down` is killed again and again, and the first notices nothing', async (t) => {
    const traces = labTraces(FIRST);
    const started = await lab(...up(SECOND));
    assert.equal(started.code, 0, started.stderr);
    const second = await openLab(SECOND);
    const first = await openLab(FIRST);
    const pod = { namespace: 'default', name: 'lives' };
    await apply(second, [podManifest(pod, { node: 'n1', label: false, image: second.testImage })]);
    await waitRunning(second, [pod]);
    const uid = async (of: typeof first): Promise<string> =>
      kubectl(of, ['get', 'pod', 'lives', '-o', 'jsonpath={.metadata.uid}']);
    assert.notEqual(await uid(first), await uid(second), 'two clusters');
    assert.deepEqual(inHostFolders(), hostFolders);

    const down = ['down', '--name', SECOND];
    const moments: [string, (printed: string) => boolean][] = [
      ['some of its processes have ended', () => !runs(SECOND, 'kube-apiserver')],
      ['its processes have ended', (printed) => printed.includes('ok end processes')],
      ['its namespaces are gone', (printed) => printed.includes('ok remove mounts')],
    ];
    for (const [what, moment] of moments) {
      await labKilled(down, moment);
      t.diagnostic(`${(await namedAfter(SECOND)).length} things left when ${what}`);
    }
    const last = await lab(...down);
    assert.equal(last.code, 0, last.stderr);
    assert.deepEqual(await namedAfter(SECOND), []);
    assert.deepEqual(labTraces(FIRST), traces);
    assert.equal((await lab('status', '--name', FIRST)).code, 0);
  });

  test('`down` removes a lab with its pods, and again is fine', async () => {
    assert.deepEqual(inHostFolders(), hostFolders);
    for (const time of ['first', 'second']) {
      const down = await lab('down', '--name', FIRST);
      assert.equal(down.code, 0, `${time} time: ${down.stderr}`);
      assert.deepEqual(await namedAfter(FIRST), []);
    }
  });
});
