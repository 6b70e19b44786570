/** What follows from a sandbox's ADD and DEL as the primary network (ADR 56): the real run, the real steps, other teams' workers that fail on cue. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { createPrimaryRuns } from '../../adapters/temporal/primary-runs.ts';
import type { PrimaryRuns } from '../../domain/ports/sandbox-duties.ts';
import type { HookInput } from '../../domain/primary/hooks.ts';
import { sandboxWorkflowId, type SandboxReport } from '../../domain/primary/sandbox-run.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, untilAsked } from './limits.ts';
import { startSandboxNode, type SandboxNode } from './sandbox-node.ts';

const NODE = 'p1';
const NEVER = new AbortController().signal;

describe('the run of a sandbox', () => {
  let lab: Harness;
  let node: SandboxNode;
  let runs: PrimaryRuns;
  /** `<activity> <hook> <sandbox>`, in order. */
  const called: string[] = [];
  /** By `<activity> <sandbox>`: how the next calls end. */
  const script = new Map<string, ('fails' | 'never again')[]>();
  const inputs: HookInput[] = [];

  before(async () => {
    lab = await startHarness();
    node = await startSandboxNode(NODE, lab.etcd);
    runs = createPrimaryRuns(lab.client);
    await lab.startNode(NODE, node.activities);
    const hook = (name: string) => async (input: HookInput) => {
      called.push(`${name} ${input.hook} ${input.sandboxId}`);
      inputs.push(input);
      const how = script.get(`${name} ${input.sandboxId}`)?.shift();
      if (how === 'fails') throw new Error('not now');
      if (how === 'never again') throw ApplicationFailure.nonRetryable('no use');
    };
    await lab.startTeam('team', { first: hook('first'), second: hook('second') });
  });
  after(async () => {
    await lab.stop();
    await node.close();
  });

  const handleOf = (id: string) => lab.client.workflow.getHandle(sandboxWorkflowId(id));
  const reportOf = (id: string): Promise<SandboxReport> => handleOf(id).result() as Promise<SandboxReport>;
  const callsOf = (id: string): string[] => called.filter((call) => call.endsWith(` ${id}`));
  const keysOf = async (id: string): Promise<string[]> =>
    (await Promise.all(['/podwire/primary/', '/vnf-agent/'].map((prefix) => lab.etcd.keys(prefix))))
      .flat()
      .filter((key) => key.endsWith(`/${id}`))
      .sort();
  const allKeys = (id: string): string[] => [
    `/podwire/primary/${NODE}/${id}`,
    `/vnf-agent/${NODE}/ipam/${id}`,
    `/vnf-agent/${NODE}/pods/${id}`,
  ];
  const add = async (id: string, hooks: readonly string[] = []): Promise<void> => {
    await runs.added(NODE, { sandbox: await node.add(id), hooks });
  };
  const remove = async (id: string, hooks: readonly string[] = []): Promise<void> => {
    const [sandbox, upTo] = [await node.add(id), node.sequenceOf(id)];
    await node.release(id);
    await runs.ended(NODE, { sandbox, hooks, upTo });
  };

  it('records a sandbox, verifies it and ends, and takes it out of etcd behind its DEL', async () => {
    await add('a');
    assert.deepEqual(await reportOf('a'), { state: 'recorded', missing: [], givenUp: [] });
    assert.deepEqual(await keysOf('a'), allKeys('a'));
    assert.deepEqual(node.asked, ['check pwp0a010102']);
    await remove('a');
    assert.deepEqual(await reportOf('a'), { state: 'ended', missing: [], givenUp: [] });
    assert.deepEqual(await keysOf('a'), []);
  });

  it('records once more what etcd loses while the run is at work, when it is told of it', async () => {
    const sandbox = await node.add('lost');
    await runs.added(NODE, { sandbox, hooks: ['team/first'] });
    const hooksDone = async (): Promise<string> =>
      (await lab.etcd.get(`/podwire/primary/${NODE}/lost`))?.value.split('"done":')[1] ?? '';
    await untilAsked('the record with its hook', async () => (await hooksDone()).startsWith('["team/first"]'));
    // The run has its look at the pod before it.
    await lab.etcd.transact([], [{ remove: `/podwire/primary/${NODE}/lost` }]);
    await runs.added(NODE, { sandbox, hooks: ['team/first'] });
    assert.deepEqual(await reportOf('lost'), { state: 'recorded', missing: [], givenUp: [] });
    assert.deepEqual(await keysOf('lost'), allKeys('lost'));
    assert.deepEqual(callsOf('lost'), ['first post-add lost']);
  });

  it('says what is not there of a pod that was just connected', async () => {
    node.missing = ['the route to 0.0.0.0/0 on eth0 of the pod'];
    await add('m');
    assert.deepEqual((await reportOf('m')).missing, node.missing);
    node.missing = [];
  });

  it('waits until the runtime tells of the sandbox, and gives way to its DEL meanwhile', async () => {
    node.isListed = false;
    await add('y');
    await add('z');
    await untilAsked('both are recorded', async () => (await keysOf('y')).length + (await keysOf('z')).length === 6);
    await remove('z');
    assert.equal((await reportOf('z')).state, 'ended');
    node.asked.length = 0;
    node.isListed = true;
    assert.deepEqual(await reportOf('y'), { state: 'recorded', missing: [], givenUp: [] });
    assert.equal(node.asked.length, 1);
  });

  it('finishes a DEL that the node did not, and leaves a lease of a later ADD alone', async () => {
    const sandbox = await node.add('d');
    node.asked.length = 0;
    await runs.ended(NODE, { sandbox, hooks: [], upTo: node.sequenceOf('d') - 1 });
    await reportOf('d');
    assert.deepEqual(node.asked, []);
    await runs.ended(NODE, { sandbox, hooks: [], upTo: node.sequenceOf('d') });
    await reportOf('d');
    assert.deepEqual(node.asked, [`unwire ${sandbox.interfaces[0]?.hostInterface}`]);
    assert.deepEqual(node.leases.leases().find(({ sandboxId }) => sandboxId === 'd')?.releasedAt !== undefined, true);
  });

  it('calls hooks in their order, repeats those that fail and does not let them hold up the others', async () => {
    script.set('first h', ['fails', 'fails']);
    await add('h', ['team/first', 'team/second']);
    assert.deepEqual(await reportOf('h'), { state: 'recorded', missing: [], givenUp: [] });
    const [first, second] = ['first post-add h', 'second post-add h'];
    assert.deepEqual(callsOf('h'), [first, second, first, first]);
    const { hook, ...sandbox } = inputs.find(({ sandboxId }) => sandboxId === 'h') ?? assert.fail();
    assert.deepEqual([hook, sandbox.node, sandbox.pod], ['post-add', NODE, { namespace: 'shop', name: 'h' }]);
    assert.deepEqual(
      sandbox.interfaces.map(({ name, addresses }) => [name, addresses.length]),
      [['eth0', 2]],
    );
    // Told of once more, by a worker that does not know what was told: they are over.
    await add('h', ['team/first', 'team/second']);
    await reportOf('h');
    assert.equal(callsOf('h').length, 4);
  });

  it('gives up a hook that says so, and tells it', async () => {
    script.set('first n', ['never again']);
    await add('n', ['team/first', 'team/second']);
    assert.deepEqual((await reportOf('n')).givenUp, ['post-add hook team/first: Error: no use']);
    assert.deepEqual(callsOf('n'), ['first post-add n', 'second post-add n']);
  });

  it('answers a DEL when its hooks are over, and with those that are not when its time is', async () => {
    const news = { sandbox: await node.add('r'), hooks: ['team/first', 'team/second'] };
    assert.deepEqual(await runs.beforeRemoval(NODE, news, 20_000, NEVER), []);
    assert.deepEqual(callsOf('r'), ['first pre-removal r', 'second pre-removal r']);
    await remove('r');
    assert.equal((await reportOf('r')).state, 'ended');
    assert.equal(callsOf('r').length, 2);

    const late = { sandbox: await node.add('l'), hooks: ['nobody/there', 'team/second'] };
    assert.deepEqual(await runs.beforeRemoval(NODE, late, 8_000, NEVER), ['nobody/there']);
    await remove('l', ['nobody/there']);
    await untilAsked('what contiv’s readers look for is gone, the record is not', async () => {
      const keys = await keysOf('l');
      return keys.length === 0 || keys.join() === `/podwire/primary/${NODE}/l`;
    });
    await lab.startTeam('nobody', {
      there: async ({ sandboxId, hook }: HookInput) => void called.push(`there ${hook} ${sandboxId}`),
    });
    assert.equal((await reportOf('l')).state, 'ended');
    assert.deepEqual(callsOf('l'), ['second pre-removal l', 'there pre-removal l']);
    assert.deepEqual(await keysOf('l'), []);
  });

  it('gives way to a DEL while a hook of its ADD keeps failing', async () => {
    await add('w', ['away/hook']);
    await untilAsked('it is recorded', async () => (await keysOf('w')).length === 3);
    await remove('w', ['team/second']);
    assert.equal((await reportOf('w')).state, 'ended');
    assert.deepEqual(callsOf('w'), ['second pre-removal w']);
    assert.deepEqual(await keysOf('w'), []);
  });

  for (const point of ['recordSandbox:before', 'recordSandbox:after', 'verifySandbox:before', 'verifySandbox:after'])
    it(`comes to the same end when the node fails at ${point}`, async () => {
      node.faults.set(point, 1);
      const id = `f-${point.replace(':', '-')}`;
      await add(id);
      assert.deepEqual(await reportOf(id), { state: 'recorded', missing: [], givenUp: [] });
      assert.ok(node.asked.includes(`failed ${point}`));
      assert.deepEqual(await keysOf(id), allKeys(id));
    });

  for (const point of ['endSandbox:before', 'endSandbox:after-release', 'endSandbox:after'])
    it(`comes to the same end when the node fails at ${point}`, async () => {
      const id = `f-${point.replace(':', '-')}`;
      await add(id);
      await reportOf(id);
      node.faults.set(point, 1);
      const sandbox = await node.add(id);
      await runs.ended(NODE, { sandbox, hooks: [], upTo: node.sequenceOf(id) });
      assert.equal((await reportOf(id)).state, 'ended');
      assert.ok(node.asked.includes(`failed ${point}`));
      assert.deepEqual(await keysOf(id), []);
      await until('the lease rests', () =>
        node.leases.leases().some(({ sandboxId, releasedAt }) => sandboxId === id && releasedAt !== undefined),
      );
    });
});
