/**
 * Plugins that report another interface than they were asked for. The plugin is a fake in front of the real bridge plugin: real ones that
 * do so are not among the reference plugins.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import type { CniAttachmentRecord, LinkResult } from '../../domain/records.ts';
import { linkIn, NEVER } from './cni-bench.ts';
import { cniNodeForTests } from './cni-node.ts';
import { NODE, type Pod } from './node-under-test.ts';

const bed = cniNodeForTests();
let pod: Pod;
let delegate = '';
beforeEach(async () => {
  delegate = join(bed.bench.binDir, 'bridge');
  pod = await bed.node.pod();
});

const RESULT = JSON.stringify({
  cniVersion: '1.0.0',
  interfaces: [{ name: 'br-test' }, { name: 'sig0', mac: '02:00:00:00:00:77', sandbox: '/run/netns/a' }],
  ips: [{ address: '10.84.0.7/24', interface: 1 }],
});

async function add(): Promise<LinkResult> {
  const { uid: podUid, sandboxId } = pod;
  const stored = bed.node.store.put<CniAttachmentRecord>({
    ...{ v: 1, podUid, namespace: 'default', name: 'a', node: NODE, sandboxId, bootId: 'boot-1' },
    netns: await pod.netns.identity(),
    owner: { workflowId: `pod/default/a/${podUid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'wired' }, interfaceName: 'net1' },
    cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
    configText: JSON.stringify({ cniVersion: '1.0.0', name: 'wired', type: 'fake', bridge: 'br-test' }),
    ...{ definitionUid: 'd', generation: 1, phase: 'intent' },
  });
  const { interfaceName, generation } = stored.value;
  return bed.steps.cniAdd(
    { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision: stored.modRevision },
    NEVER,
  );
}

test('the interface that was asked for is attached with a warning that names the reported one, which is shown beside it', async () => {
  bed.fake.control({ ADD: { delegate, print: RESULT }, DEL: { delegate } });
  const { ifindex, mac, warning, others } = await add();
  assert.equal(warning?.code, 'InterfaceMisnamed');
  assert.match(warning.message, /report sig0 as the interface in the pod, and not net1/);
  assert.deepEqual(others, [{ interfaceName: 'sig0', mac: '02:00:00:00:00:77', addresses: ['10.84.0.7/24'] }]);
  const link = (await pod.view()).links.find(({ name }) => name === 'net1');
  assert.deepEqual([link?.ifindex, link?.mac], [ifindex, mac], 'what is recorded of it is what the kernel has');
});

test('where it is not there the attach fails, names what was reported, and is undone', async () => {
  bed.fake.control({ ADD: { print: RESULT } });
  await assert.rejects(add(), {
    code: 'CniFailed',
    message: /report success with interface sig0, but the pod has no interface net1, so what they made was taken away/,
  });
  assert.deepEqual(bed.fake.commands().slice(-2), ['ADD', 'DEL']);
  assert.equal(await linkIn(pod.netns, 'net1'), undefined);
});
