/** podwire forget: the last resort for a removal that can never succeed; here its node never answers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { annotate } from '../../deploy/demo/cluster.ts';
import { linksIn, vxlanOf } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath } from '../../deploy/lab/lab.ts';
import { endWorker, ensurePodwire, labTest, waitFor } from '../lab/harness.ts';
import { readKeys } from '../lab/records.ts';
import { waitState } from './open-run.ts';
import { podwire } from './podwire-command.ts';

// In a suite, hooks run one after the other; at the top of a file they do not.
describe('podwire forget', () => {
  const t = labTest('forget');
  const VNI = 7850;
  const IFNAME = 'stforget';

  let connection: TemporalClient;
  let netns = '';

  const keysOfPod = async (): Promise<string[]> =>
    (await readKeys(t.lab))
      .filter(({ key, value }) => key.includes(`/${t.namespace}/`) || JSON.stringify(value).includes(t.namespace))
      .map(({ key }) => key);
  const isAttached = async (): Promise<true | undefined> =>
    (await keysOfPod()).some((key) => key.includes('/members/')) ? true : undefined;

  before(async () => {
    connection = connectClient({ address: t.lab.temporal.host, namespace: 'default' });
    const [pod] = await t.createPods([
      { name: 'leaver', node: t.node(2), networks: `${IFNAME} id=${VNI} up ip=192.168.79.1/24` },
    ]);
    assert.ok(pod);
    await waitFor('membership', isAttached, { limitMs: 20_000 });
    netns = await podNetnsPath(t.lab, pod);
  });

  after(async () => {
    await ensurePodwire(t.lab);
    await connection.close();
  });

  test('an attachment that is wanted is not forgotten, with or without --force', async () => {
    const target = [`${t.namespace}/leaver`, IFNAME, '--force'];
    const blind = await podwire(t.lab, ['forget', ...target]);
    assert.equal(blind.code, 1);
    assert.match(blind.stderr, /is in phase attached, not removing\..*--kubeconfig/);
    const seeing = await podwire(t.lab, ['forget', ...target, '--kubeconfig', t.lab.kubeconfigs.admin]);
    assert.equal(seeing.code, 1);
    assert.match(seeing.stderr, /exists and its stforget is in phase attached/);
    assert.ok(await isAttached());
  });

  test('forget says what would leak, and with --force ends a removal whose node never answers', async () => {
    const pod = t.pod('leaver');
    await endWorker(t.lab, t.node(2));
    await annotate(t.lab, pod, undefined);
    await waitState(connection.client, pod, 'NodeUnavailable');

    const asked = await podwire(t.lab, ['forget', `${t.namespace}/leaver`, IFNAME]);
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /What would leak:\n.*n3, network namespace \/.*: VXLAN link stforget \(id 7850,/);
    assert.match(asked.stderr, /repeat this command with --force/);
    assert.ok((await keysOfPod()).some((key) => key.startsWith('/podwire/attachments/')));

    const forced = await podwire(t.lab, ['forget', `${t.namespace}/leaver`, IFNAME, '--force']);
    assert.equal(forced.code, 0, forced.stderr);
    assert.match(forced.stdout, /^forgot .*\/leaver stforget of network .*\nVNI 7850 on UDP port 8472 is free\n/);
    await waitFor(
      'the run to end with no record left but the mark and the sandbox',
      async () => {
        const rest = (await keysOfPod()).filter(
          (key) => !key.startsWith('/podwire/pods/') && !key.startsWith('/podwire/sandboxes/'),
        );
        const status = await podwire(t.lab, ['status', `${t.namespace}/leaver`]);
        return rest.length === 0 && status.stdout.startsWith('no open runs') ? true : undefined;
      },
      { limitMs: 20_000, everyMs: 500 },
    );
    assert.ok(!(await readKeys(t.lab, '/podwire/vnis/')).some(({ key }) => key.endsWith(`/${VNI}`)));
    // It undid nothing on the host, as it said.
    assert.deepEqual(
      vxlanOf(await linksIn(netns)).map(({ name }) => name),
      [IFNAME],
    );
  });
});
