/** Nodes that fall silent: their pods wait visibly, nobody else waits for them, and nothing of them is left when they return. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { ProcessRegistry } from '../../adapters/process/registry.ts';
import { run } from '../../adapters/process/run.ts';
import { field } from '../../deploy/demo/cluster.ts';
import { floodTargets, podLink } from '../../deploy/demo/kernel-look.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { type LabNode, pathOnHost, podNetnsPath, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwire } from '../../deploy/lab/podwire.ts';
import { ensurePodwire, labTest, waitFor } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked } from '../lab/invariants.ts';
import { findRuns } from '../lab/runs.ts';
import { Histories } from './histories.ts';
import { PodPatcher } from './pod-patcher.ts';

/** Schedule-to-start of a step is 10 s. */
const VISIBLE_WITHIN_MS = 25_000;
const ATTACHED_WITHIN_MS = 2_000;
/** "At once", on a machine that is busy with other things. */
const OUT_OF_MESH_WITHIN_MS = 8_000;

describe('a node worker that is away', () => {
  const context = labTest('away');
  let patcher: PodPatcher;
  let histories: Histories;
  let away: LabNode;

  const network = (index: number): string => `away id=4500 ip=10.80.0.${index + 1}/24 up=true`;

  before(() => {
    patcher = new PodPatcher(context.lab);
    histories = new Histories(context.lab);
    away = context.lab.nodes[0] as LabNode;
  });
  beforeEach(() => ensurePodwire(context.lab));
  after(async () => {
    patcher.close();
    await histories.close();
  });

  test('an edit waits visibly as NodeUnavailable, and is carried out within 2 s of the return', async (t) => {
    const { lab } = context;
    const [pod] = await context.createPods([{ name: 'waits', node: away.name }]);
    assert.ok(pod);
    const uid = await patcher.uid(pod);
    await stopPart(lab, nodePart(away.name));
    await patcher.ask(pod, network(0));
    const query = `ProvisioningState="NodeUnavailable" AND NodeName="${away.name}" AND ExecutionStatus="Running"`;
    await waitFor(
      'the pod among those that wait for their node',
      async () => ((await findRuns(lab, query)).some((id) => id.endsWith(uid)) ? true : undefined),
      { limitMs: VISIBLE_WITHIN_MS },
    );
    const view = await histories.view({ ...pod, uid });
    assert.equal(view.state, 'NodeUnavailable');
    // Which step waits depends on whether the worker had published the sandbox before it went.
    assert.match(
      [view.note, ...view.lanes.map(({ note }) => note)].join(),
      new RegExp(`node ${away.name} does not answer`),
    );

    await startPodwire(lab);
    const back = performance.now();
    await waitFor('the link', () => podLink(lab, pod, 'away'), { limitMs: ATTACHED_WITHIN_MS, everyMs: 50 });
    t.diagnostic(`attached ${Math.round(performance.now() - back)} ms after the worker served again`);
    await exactlyOne(lab, [pod]);
    await nothingLeaked(lab);
  });

  test('a pod that is deleted while its node is silent leaves the mesh at once', async (t) => {
    const { lab, namespace } = context;
    const pods = await context.createPods(
      lab.nodes.map(({ name }, index) => ({ name: `member${index}`, node: name, networks: network(index + 1) })),
    );
    const [leaver, ...others] = pods;
    assert.ok(leaver);
    await meshComplete(lab, `${namespace}/away`, { limitMs: 30_000 });
    const address = await field(lab, leaver, '{.status.podIP}');
    const netns = await Promise.all(others.map((pod) => podNetnsPath(lab, pod)));
    await stopPart(lab, nodePart(away.name));
    await context.deletePods([leaver]);
    const gone = performance.now();
    await waitFor(
      `no forwarding entry to ${address}`,
      async () => {
        const targets = await Promise.all(netns.map((path) => floodTargets(path, 'away')));
        return targets.flat().includes(address) ? undefined : true;
      },
      { limitMs: OUT_OF_MESH_WITHIN_MS, everyMs: 50 },
    );
    t.diagnostic(`out of the mesh ${Math.round(performance.now() - gone)} ms after the pod was gone`);

    await startPodwire(lab);
    await nothingLeaked(lab, { limitMs: 30_000 });
  });

  test('a child that a killed worker left behind is ended by its successor', async () => {
    const { lab } = context;
    const spec = partSpec(lab, nodePart(away.name));
    const stateDir = pathOnHost(lab, away.name, spec?.env['PODWIRE_STATE_DIR'] ?? '');
    await stopPart(lab, nodePart(away.name), 'SIGKILL');
    // A stand-in for the child: real ones die with their worker (PR_SET_PDEATHSIG), unless they shed that first.
    const noteFile = join(lab.dir, 'hanging-child.pid');
    const hanging = await startDaemon({
      file: findProgram('sleep') ?? '/usr/bin/sleep',
      args: ['120'],
      env: {},
      logFile: join(lab.dir, 'logs', 'hanging-child.log'),
      noteFile,
    });
    try {
      new ProcessRegistry(join(stateDir, 'children')).note(hanging);
      assert.equal(daemonPid(noteFile), hanging);
      await startPodwire(lab);
      assert.equal(daemonPid(noteFile), undefined, 'the worker serves, and the child of its predecessor still runs');
    } finally {
      await stopDaemon(noteFile, 'SIGKILL', 1_000);
    }
  });

  test('a second worker for the same node ends at once and says why', async () => {
    const { lab } = context;
    const spec = partSpec(lab, nodePart(away.name));
    assert.ok(spec);
    const second = await run({
      file: findProgram('nsenter') ?? '/usr/bin/nsenter',
      args: [`--net=${away.netnsPath}`, '--', spec.file, ...spec.args],
      env: { ...spec.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeoutMs: 40_000,
    });
    assert.equal(second.code, 3);
    assert.match(second.stderr, new RegExp(`node ${away.name} has a worker already`));
    assert.ok(!second.timedOut);
  });
});
