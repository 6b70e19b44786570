/**
 * The definition of an attached network was edited, and the node's journal, which knows what ADD got, was lost: the record knows it too.
 * The plugin is a fake that writes down what it gets, and makes real links by a real one.
 */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { createNodeSteps, type NodeSteps } from '../../activities/network/index.ts';
import { createCniJournal } from '../../adapters/cni/journal.ts';
import { madeWith, type CniAttachmentRecord, type LinkResult, type Stored } from '../../domain/records.ts';
import { installFakePlugin, type FakePlugin } from '../fakes/cni-plugin/install.ts';
import { createCniBench, linkIn, NEVER, type CniBench } from './cni-bench.ts';
import { createNode, NODE, type NodeUnderTest, type Pod } from './node-under-test.ts';

let bench: CniBench;
let node: NodeUnderTest;
let steps: NodeSteps;
let fake: FakePlugin;
let journalDir: string;
before(async () => {
  bench = await createCniBench();
  fake = installFakePlugin(bench.binDir, 'fake');
  const delegate = join(bench.binDir, 'bridge');
  fake.control({ ADD: { delegate }, DEL: { delegate } });
  journalDir = join(bench.dir, 'journal');
  node = createNode();
  steps = createNodeSteps({ ...node.deps, plugins: bench.plugins, journal: createCniJournal(journalDir) });
});
after(async () => {
  await node.close();
  await bench.close();
});
afterEach(() => rmSync(`${fake.path}.log`, { force: true }));

const config = (edition: string): string =>
  JSON.stringify({ cniVersion: '1.0.0', name: 'wired', type: 'fake', bridge: 'br-test', edition });

const inputOf = ({ value, modRevision }: Stored<CniAttachmentRecord>) => {
  const { podUid, sandboxId, interfaceName, generation } = value;
  return { v: 1, node: NODE, podUid, sandboxId, interfaceName, generation, modRevision };
};

const add = (stored: Stored<CniAttachmentRecord>): Promise<LinkResult> => steps.cniAdd(inputOf(stored), NEVER);

/** `COMMAND edition`, and `with result` if the plugin got one, in the order of the calls. */
const calls = (): string[] =>
  fake.events().flatMap(({ event, command, stdin }) => {
    if (event !== 'start' || !['ADD', 'DEL'].includes(command)) return [];
    const { edition, prevResult } = JSON.parse(stdin) as { edition: string; prevResult?: unknown };
    return [`${command} ${edition}${prevResult === undefined ? '' : ' with result'}`];
  });

const loseJournal = (): void => readdirSync(journalDir).forEach((file) => rmSync(join(journalDir, file)));
const garbleJournal = (): void => readdirSync(journalDir).forEach((file) => writeFileSync(join(journalDir, file), '{'));

/** Attached as the definition was, and then an intent that follows its edit, as a repair has it. */
async function repairAfterEdit(): Promise<{ pod: Pod; intent: Stored<CniAttachmentRecord> }> {
  const pod = await node.pod();
  const { uid: podUid, sandboxId, netns } = pod;
  const first = node.store.put<CniAttachmentRecord>({
    ...{ v: 1, podUid, namespace: 'default', name: 'a', node: NODE, sandboxId, bootId: 'boot-1' },
    netns: await netns.identity(),
    owner: { workflowId: `pod/default/a/${podUid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'wired' }, interfaceName: 'net1' },
    cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
    ...{ definitionUid: 'd', configText: config('old'), generation: 1, phase: 'intent' },
  });
  const attached: CniAttachmentRecord = { ...first.value, phase: 'attached', result: await add(first) };
  const made = madeWith(attached);
  assert.ok(made);
  const change = { phase: 'intent', generation: 3, configText: config('new'), madeWith: made } as const;
  return { pod, intent: node.store.put<CniAttachmentRecord>({ ...attached, ...change }) };
}

describe('an attachment whose definition was edited', () => {
  it('is made anew by DEL with the configuration of its ADD, and ADD with the new one', async () => {
    const { pod, intent } = await repairAfterEdit();
    await add(intent);
    assert.deepEqual(calls(), ['ADD old', 'DEL old with result', 'ADD new']);
    assert.ok(await linkIn(pod.netns, 'net1'));
  });

  it('is so too when the journal was lost', async () => {
    const { pod, intent } = await repairAfterEdit();
    loseJournal();
    await add(intent);
    assert.deepEqual(calls(), ['ADD old', 'DEL old with result', 'ADD new']);
    assert.ok(await linkIn(pod.netns, 'net1'));
  });

  it('is detached with the configuration of its ADD when the journal was lost before it was made anew', async () => {
    const { pod, intent } = await repairAfterEdit();
    loseJournal();
    const removing = node.store.put<CniAttachmentRecord>({ ...intent.value, phase: 'removing', generation: 4 });
    assert.deepEqual(await steps.cniDelete(inputOf(removing), NEVER), { outcome: 'removed' });
    assert.deepEqual(calls(), ['ADD old', 'DEL old with result']);
    assert.equal(await linkIn(pod.netns, 'net1'), undefined);
  });

  it('gets DEL with both when nobody can read which of the two was begun', async () => {
    const { intent } = await repairAfterEdit();
    garbleJournal();
    await add(intent);
    assert.deepEqual(calls(), ['ADD old', 'DEL old with result', 'DEL new', 'ADD new']);
  });
});
