/** A node that is looked at by its worker, with looks that the test makes up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SweepLookResult } from '../../../activities/network/sweep/sweep-node-contract.ts';
import type { Finding } from '../../../domain/sweep/finding.ts';
import { OwnSweeps } from '../../../workers/node/own-sweeps.ts';

const base = { where: 'net1', owner: 'shop/web', why: 'as the test says' };
const orphan: Finding = { ...base, id: 'journal/1', kind: 'journal', action: 'remove' };
const foreign: Finding = { ...base, id: 'reservation/1', kind: 'reservation', action: 'report' };

function node() {
  const calls: string[] = [];
  const state = { found: [] as Finding[], gcDue: false, tornDown: false, temporalIsAway: false, isEmpty: false };
  const looks = new OwnSweeps({
    node: 'n1',
    steps: {
      look: async (): Promise<SweepLookResult> => ({
        findings: state.found.map((finding) => ({ ...finding, ageSeconds: 0 })),
        ...{ more: 0, gcDue: state.gcDue, isEmpty: state.isEmpty },
      }),
      act: async ({ ids }) => {
        calls.push(`act on [${ids.join()}]`);
        return { rows: [], gc: [] };
      },
    },
    startSweep: async () => {
      if (state.temporalIsAway) throw new Error('away');
      calls.push('run');
    },
    noteLook: async (at) => void calls.push(`looked at ${at.slice(0, 2)}`),
    isTornDown: () => state.tornDown,
  });
  const look = async (): Promise<string[]> => {
    calls.length = 0;
    await looks.look(new AbortController().signal);
    return [...calls];
  };
  return { state, look, canWait: () => looks.look(new AbortController().signal) };
}

describe('the looks of a node worker at its node', () => {
  it('start no run where nothing is found, and say that it was looked at', async () => {
    assert.deepEqual(await node().look(), ['looked at 20']);
  });

  it('start a run for what is to be done, at each look until it is done', async () => {
    const { state, look } = node();
    state.found = [orphan];
    assert.deepEqual(await look(), ['run', 'looked at 20']);
    assert.deepEqual(await look(), ['run', 'looked at 20']);
  });

  it('start one run for what is only to be reported, and another when it is there once more', async () => {
    const { state, look } = node();
    state.found = [foreign];
    assert.deepEqual(await look(), ['run', 'looked at 20']);
    assert.deepEqual(await look(), ['looked at 20']);
    state.found = [foreign, { ...foreign, id: 'reservation/2' }];
    assert.deepEqual(await look(), ['run', 'looked at 20']);
    state.found = [foreign, orphan];
    assert.deepEqual(await look(), ['run', 'looked at 20']);
    state.found = [];
    await look();
    state.found = [foreign];
    assert.deepEqual(await look(), ['run', 'looked at 20']);
  });

  it('have the plugins collect garbage without a run', async () => {
    const { state, look } = node();
    state.gcDue = true;
    assert.deepEqual(await look(), ['act on []', 'looked at 20']);
  });

  it('begin again with the next one where Temporal is away', async () => {
    const { state, look } = node();
    Object.assign(state, { found: [foreign], temporalIsAway: true });
    await assert.rejects(look(), /away/);
    state.temporalIsAway = false;
    assert.deepEqual(await look(), ['run', 'looked at 20']);
  });

  it('can wait where nothing of podwire is on the node, and not while nobody looks', async () => {
    const { state, canWait } = node();
    assert.equal(await canWait(), false);
    state.isEmpty = true;
    assert.equal(await canWait(), true);
    state.tornDown = true;
    assert.equal(await canWait(), false);
  });

  it('rest while podwire is to be out of the cluster', async () => {
    const { state, look } = node();
    Object.assign(state, { found: [orphan], tornDown: true });
    assert.deepEqual(await look(), []);
  });
});
