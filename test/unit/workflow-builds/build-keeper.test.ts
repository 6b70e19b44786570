/** What an orchestrator does about builds, by who serves beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenRun, Roster, WorkflowBuilds } from '../../../domain/ports/workflow-builds.ts';
import { UNVERSIONED, type Server } from '../../../domain/workflow-builds.ts';
import { BuildKeeper } from '../../../workers/build-keeper.ts';

class FakeBuilds implements WorkflowBuilds {
  readonly done: string[] = [];
  runs: OpenRun[] = [];
  #current: string;

  constructor(current: string) {
    this.#current = current;
  }

  whyUnsupported = async (): Promise<undefined> => undefined;
  current = async (): Promise<string> => {
    this.done.push('looked');
    return this.#current;
  };
  makeCurrent = async (build: string): Promise<void> => {
    this.done.push(`current ${build}`);
    this.#current = build;
  };
  runsOfOthers = async (builds: readonly string[]): Promise<readonly OpenRun[]> => {
    this.done.push(`others than ${builds.join(' ')}`);
    return this.runs.splice(0);
  };
  beginAnew = async ({ workflowId }: OpenRun, build: string): Promise<boolean> => {
    this.done.push(`${workflowId} anew with ${build}`);
    return true;
  };
}

const log = { info: (): void => undefined };
const me = (build: string, rank: bigint): Server => ({ build, rank, isMe: true });
const other = (build: string, rank: bigint): Server => ({ build, rank, isMe: false });

const keeper = (build: string, current: string, servers: Server[]) => {
  const builds = new FakeBuilds(current);
  const roster: Roster = { renew: async () => servers, leave: async () => undefined };
  return { builds, servers, keeper: new BuildKeeper({ build, builds, roster, log }) };
};

test('the last to begin gives new runs its build, and lets runs of builds that others have go on there', async () => {
  const update = keeper('2', '1', [other('1', 1n), me('2', 2n)]);
  await update.keeper.look();
  assert.deepEqual(update.builds.done, ['looked', 'current 2', 'others than 1 2']);
});

test('an older one does nothing, whatever the present build is', async () => {
  const old = keeper('1', '2', [me('1', 1n), other('2', 2n)]);
  await old.keeper.look();
  assert.deepEqual(old.builds.done, []);
});

test('an older one takes over when the later ones are gone', async () => {
  const old = keeper('1', '2', [me('1', 1n), other('2', 2n)]);
  await old.keeper.look();
  old.servers.pop();
  old.builds.runs = [{ workflowId: 'pod', runId: 'r' }];
  await old.keeper.look();
  assert.deepEqual(old.builds.done, ['looked', 'current 1', 'others than 1', 'pod anew with 1']);
});

test('runs are begun anew once nobody has their build, and not again', async () => {
  const update = keeper('2', '2', [other('1', 1n), me('2', 2n)]);
  await update.keeper.look();
  update.servers.shift();
  update.builds.runs = [
    { workflowId: 'a', runId: '1' },
    { workflowId: 'b', runId: '2' },
  ];
  await update.keeper.look();
  await update.keeper.look();
  assert.deepEqual(
    update.builds.done.filter((line) => line.includes('anew')),
    ['b anew with 2', 'a anew with 2'],
  );
});

test('where versioning was turned off, runs come back to workers that say no build', async () => {
  const off = keeper(UNVERSIONED, '1', [me(UNVERSIONED, 3n)]);
  off.builds.runs = [{ workflowId: 'pod', runId: 'r' }];
  await off.keeper.look();
  assert.deepEqual(off.builds.done, ['looked', 'current ', 'others than ', 'pod anew with ']);
});

test('a look that fails is made again as a whole by the next one', async () => {
  const update = keeper('2', '1', [me('2', 2n)]);
  const { makeCurrent } = update.builds;
  update.builds.makeCurrent = async () => Promise.reject(new Error('no poller yet'));
  await assert.rejects(update.keeper.look(), /no poller yet/);
  update.builds.makeCurrent = makeCurrent;
  await update.keeper.look();
  assert.deepEqual(update.builds.done, ['looked', 'looked', 'current 2', 'others than 2']);
});
