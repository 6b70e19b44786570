/** What comes of a plugin that says it does not know the pod's sandbox (code 3) or cannot use its network namespace (code 8). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createNodeSteps, type NodeSteps } from '../../activities/network/index.ts';
import { createCniJournal } from '../../adapters/cni/journal.ts';
import type { CniAttachmentRecord, LinkResult } from '../../domain/records.ts';
import { installFakePlugin, type FakePlugin } from '../fakes/cni-plugin/install.ts';
import { createCniBench, NEVER, type CniBench } from './cni-bench.ts';
import { createNode, NODE, type NodeUnderTest } from './node-under-test.ts';

let bench: CniBench;
let node: NodeUnderTest;
let steps: NodeSteps;
let fake: FakePlugin;
let sandboxId: string;
let add: () => Promise<LinkResult>;
before(async () => {
  bench = await createCniBench();
  fake = installFakePlugin(bench.binDir, 'fake');
  node = createNode();
  const journal = createCniJournal(join(bench.dir, 'journal'));
  steps = createNodeSteps({ ...node.deps, plugins: bench.plugins, journal, onUndoFailed: () => undefined });
  const pod = await node.pod();
  sandboxId = pod.sandboxId;
  const { value, modRevision } = node.store.put<CniAttachmentRecord>({
    ...{ v: 1, podUid: pod.uid, namespace: 'default', name: 'a', node: NODE, sandboxId, bootId: 'boot-1' },
    netns: await pod.netns.identity(),
    owner: { workflowId: `pod/default/a/${pod.uid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'wired' }, interfaceName: 'net1' },
    cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
    configText: JSON.stringify({ cniVersion: '1.0.0', name: 'wired', type: 'fake' }),
    ...{ definitionUid: 'd', generation: 1, phase: 'intent' },
  });
  const { podUid, interfaceName, generation } = value;
  add = () => steps.cniAdd({ node: NODE, podUid, sandboxId, interfaceName, generation, modRevision }, NEVER);
});
after(async () => {
  await node.close();
  await bench.close();
});

for (const code of [3, 8]) {
  test(`code ${code} for a sandbox that is there: the network is refused, not tried for ever`, async () => {
    fake.control({ ADD: { code, msg: 'no such container' }, DEL: {} });
    await assert.rejects(add(), {
      code: 'CniSandboxUnknown',
      retryClass: 'terminal',
      message: new RegExp(`code ${code}.*no such container.*podwire retry`),
    });
  });

  test(`code ${code} for a sandbox that went meanwhile: the pod is looked at anew`, async () => {
    const there = node.runtime.sandboxes.get(sandboxId);
    assert.ok(there);
    fake.control({ ADD: { code, msg: 'no such container', sleepMs: 500 }, DEL: {} });
    const adding = add();
    setTimeout(() => node.runtime.sandboxes.set(sandboxId, { ...there, ready: false }), 200);
    try {
      await assert.rejects(adding, { code: 'SandboxGone', retryClass: 'stale' });
    } finally {
      node.runtime.sandboxes.set(sandboxId, there);
    }
  });
}
