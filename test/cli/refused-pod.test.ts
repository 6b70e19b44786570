/** What docs/operations.md tells people to do about a wish that the kernel refused: here a foreign link has the name. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { inNetns, podNetnsPath } from '../../deploy/lab/lab.ts';
import type { ConvergedRecord } from '../../domain/records.ts';
import { labTest, waitEvent, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, nothingLost, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { podwire } from './podwire-command.ts';

// In a suite, hooks run one after the other; at the top of a file they do not.
describe('a pod that was refused', () => {
  const t = labTest('refused');
  const VNI = 7860;
  const IFNAME = 'strefused';

  let pod: PodRef;
  let netns = '';

  const ip = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await inNetns(netns, 'ip', args);
    assert.equal(code, 0, stderr);
  };

  const startedOf = (target: string): RegExp =>
    new RegExp(`^retryNow → ${target} \\(pod/.*\\), a new run: it had no open one\\n$`);

  before(async () => {
    const [created] = await t.createPods([{ name: 'blocked', node: t.node(0) }]);
    assert.ok(created);
    pod = created;
    netns = await podNetnsPath(t.lab, pod);
  });

  test('podwire retry attaches it once the foreign link is gone, although its run has ended', async () => {
    await ip('link', 'add', IFNAME, 'type', 'bridge');
    await annotate(t.lab, pod, `${IFNAME} id=${VNI} up ip=192.168.80.1/24`);
    await waitEvent(t.lab, pod, 'NetworkRefused', new RegExp(`${IFNAME} exists and is not ours`));
    // The last thing that a run writes; it ends right after it.
    await waitFor(
      'the mark of the refused run',
      async () =>
        (await readKeys(t.lab, '/podwire/pods/')).find(({ value }) => {
          const { namespace, name } = value as ConvergedRecord;
          return namespace === pod.namespace && name === pod.name;
        }),
      { limitMs: 20_000 },
    );

    await ip('link', 'delete', IFNAME);
    const { code, stdout, stderr } = await podwire(t.lab, ['retry', `${t.namespace}/blocked`]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, startedOf(`${t.namespace}/blocked`));
    await waitLink(t.lab, pod, IFNAME, (link) => link?.vni === VNI && link.up);
    await Promise.all([exactlyOne(t.lab, [pod]), nothingLost(t.lab, [pod]), statusTruth(t.lab, [pod])]);
  });

  test('podwire retry finds a pod by the Kubernetes API while etcd does not answer, and not without it', async () => {
    const target = `${t.namespace}/blocked`;
    await waitFor(
      'no open run to be listed',
      async () => ((await podwire(t.lab, ['status', target])).stdout.startsWith('no open runs') ? true : undefined),
      { limitMs: 20_000, everyMs: 500 },
    );
    const noEtcd = { PODWIRE_ETCD_ENDPOINTS: '127.0.0.1:1' };
    const blind = await podwire(t.lab, ['retry', target], noEtcd);
    assert.equal(blind.code, 1, blind.stdout);
    const seeing = await podwire(t.lab, ['retry', target, '--kubeconfig', t.lab.kubeconfigs.admin], noEtcd);
    assert.equal(seeing.code, 0, seeing.stderr);
    assert.match(seeing.stdout, startedOf(target));
    assert.match(seeing.stderr, /etcd/);
  });
});
