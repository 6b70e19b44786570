/**
 * What people are told when ADD fails and the DEL after it does too. The plugin is a fake: real ones that fail both (an iptables that is
 * not there) do so by what the machine lacks.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CniAttachmentRecord, LinkResult } from '../../domain/records.ts';
import { linkIn, NEVER } from './cni-bench.ts';
import { cniNodeForTests } from './cni-node.ts';
import { NODE } from './node-under-test.ts';

const bed = cniNodeForTests({ deps: () => ({ onUndoFailed: () => undefined }) });

test('the cause of a failed ADD is told for as long as the DEL after it fails, and the attach goes on once that ends well', async () => {
  const pod = await bed.node.pod();
  const stored = bed.node.store.put<CniAttachmentRecord>({
    ...{
      v: 1,
      podUid: pod.uid,
      namespace: 'default',
      name: 'a',
      node: NODE,
      sandboxId: pod.sandboxId,
      bootId: 'boot-1',
    },
    netns: await pod.netns.identity(),
    owner: { workflowId: `pod/default/a/${pod.uid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'wired' }, interfaceName: 'net1' },
    cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
    configText: JSON.stringify({ cniVersion: '1.0.0', name: 'wired', type: 'fake', bridge: 'br-test' }),
    ...{ definitionUid: 'd', generation: 1, phase: 'intent' },
  });
  const { podUid, sandboxId, interfaceName, generation } = stored.value;
  const input = { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision: stored.modRevision };
  const add = (): Promise<LinkResult> => bed.steps.cniAdd(input, NEVER);
  const missing = 'exec: "iptables": executable file not found in $PATH';
  bed.fake.control({ ADD: { code: 999, msg: missing }, DEL: { code: 999, msg: 'no chain' } });
  for (const told of [
    /ADD failed with code 999.*iptables is in none of \/usr\/sbin.*\(package iptables\), or to the node[^;]*$/,
    /ADD failed with code 999.*package iptables.*; and what that left cannot be taken away: .*DEL failed with code 999: no chain/,
    /ADD failed with code 999.*package iptables.*DEL failed with code 999: no chain/,
  ]) {
    await assert.rejects(add(), { code: 'CniFailed', message: told });
  }
  const delegate = join(bed.bench.binDir, 'bridge');
  bed.fake.control({ ADD: { delegate }, DEL: { delegate } });
  await add();
  assert.ok(await linkIn(pod.netns, 'net1'));
});
