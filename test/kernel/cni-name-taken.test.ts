/** An interface in the pod that podwire did not make, under the name that a CNI network needs: it stays, and the message says what to do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createNodeSteps } from '../../activities/network/index.ts';
import { createCniJournal } from '../../adapters/cni/journal.ts';
import type { PodwireError } from '../../domain/failures.ts';
import type { CniAttachmentRecord } from '../../domain/records.ts';
import { createNode, NEVER, NODE } from './node-under-test.ts';

describe('an interface that podwire did not make', () => {
  const node = createNode();
  const dir = mkdtempSync(join(tmpdir(), 'podwire-journal-'));
  const steps = createNodeSteps({ ...node.deps, journal: createCniJournal(dir) });
  after(async () => {
    await node.close();
    rmSync(dir, { recursive: true });
  });

  /** What the owner of the pod is told. */
  async function refusal(dialect: CniAttachmentRecord['dialect']): Promise<string> {
    const { uid: podUid, sandboxId, netns } = await node.pod();
    const interfaceName = 'net9f27410725ab';
    await netns.exec(['/usr/sbin/ip', 'link', 'add', interfaceName, 'type', 'bridge']);
    const { modRevision } = node.store.put<CniAttachmentRecord>({
      ...{ v: 1, podUid, namespace: 'default', name: 'a', node: NODE, sandboxId, bootId: 'boot-1' },
      netns: await netns.identity(),
      owner: { workflowId: `pod/default/a/${podUid}`, runId: 'r' },
      ...{ kind: 'cni', dialect, network: { scope: 'default', name: 'green' }, interfaceName },
      cni: { kind: 'cni', interfaceName, capabilityArgs: {}, args: [], defaultRoute: [] },
      ...{ definitionUid: 'd', configText: '{}', generation: 1, phase: 'intent' },
    });
    const input = { node: NODE, podUid, sandboxId, interfaceName, generation: 1, modRevision };
    let message = '';
    await assert.rejects(steps.cniAdd(input, NEVER), (error: PodwireError) => {
      message = error.message;
      return error.code === 'InterfaceConflict';
    });
    // Throws when it is gone.
    await netns.exec(['/usr/sbin/ip', 'link', 'show', interfaceName]);
    return message;
  }

  it('stays, and another name is asked for where the pod chooses it', async () => {
    assert.match(await refusal('npwg'), /is not podwire's; .*choose another interface name$/);
  });

  it("stays, and in Kaloom's dialect, where nobody chooses the name, the way out is podagentSkip or a new pod", async () => {
    const message = await refusal('kaloom');
    assert.match(message, /"podagentSkip": true beside the name green .* make the pod anew without this network/);
    assert.doesNotMatch(message, /choose another/);
  });
});
