/** A node that is told of changes, with a kernel and looks that the test makes up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxLook } from '../../../activities/network/sweep/sandbox-look.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { ChangeListener, ChangeNotices } from '../../../domain/ports/change-notices.ts';
import type { AttachmentRecord } from '../../../domain/records.ts';
import { driftFindings } from '../../../domain/sweep/classify.ts';
import { DriftWatch } from '../../../workers/node/drift-watch.ts';
import { until } from '../../workflows/limits.ts';
import { asOwnChanges } from '../../../workers/node/own-changes.ts';
import { greenLink, POD, SANDBOX, stored, view, vxlanRecord } from '../sweep/some-node.ts';
import { statSync } from 'node:fs';

/** A file that is there stands for the namespace. */
const PATH = process.execPath;
const netns = { path: PATH, inode: String(statSync(PATH, { bigint: true }).ino), ctimeNs: '1' };

function node() {
  const calls: string[] = [];
  const state = {
    record: vxlanRecord({ netns }) as AttachmentRecord,
    revision: '11',
    mtu: 1450,
    isThere: true,
    written: 0,
    tornDown: false,
    followFails: false,
  };
  let listener: ChangeListener | undefined;
  const notices: ChangeNotices = {
    follow: async ({ sandboxId }) => {
      calls.push(`follow ${sandboxId.slice(0, 2)}`);
      if (state.followFails) throw new PodwireError('SandboxGone', 'gone');
    },
    unfollow: async (sandboxId) => void calls.push(`unfollow ${sandboxId.slice(0, 2)}`),
    asOwn: async (_sandboxId, work) => {
      calls.push('hold');
      const done = await work();
      calls.push('let go');
      return done;
    },
    listen: (given) => (listener = given),
  };
  const watch = new DriftWatch({
    ...{ node: 'n1', bootId: 'boot', notices, netnsRoots: [] },
    fdb: {
      restoreDevice: async ({ interfaceName }) => {
        calls.push(`compare ${interfaceName}`);
        const { written } = state;
        state.written = 0;
        return { written, removed: 0 };
      },
    },
    observer: { noticed: () => undefined, looked: () => void calls.push('look'), found: () => undefined },
    log: { info: () => undefined, warn: () => void calls.push('warn') },
  });
  const lookAt = async (): Promise<SandboxLook> => {
    const records = state.isThere ? [stored(state.record, state.revision)] : [];
    const sandboxes = [{ sandboxId: SANDBOX, pod: POD, view: view([greenLink({ mtu: state.mtu })]) }];
    const snapshot = { bootId: 'boot', records, sandboxes, journal: [], checks: new Map() };
    return { findings: driftFindings(snapshot), snapshot } as unknown as SandboxLook;
  };
  const end = new AbortController();
  const ended = watch.serve(
    {
      lookAt,
      startSweep: async ({ only, restored }, id) => {
        assert.match(id, /^sweep\/n1\/change\/a+\//);
        calls.push(only === undefined ? `told ${restored?.[0]?.why}` : `run for ${only.podUid}`);
      },
      isTornDown: () => state.tornDown,
    },
    end.signal,
  );
  return {
    ...{ calls, state, watch, notices },
    changed: (forwarding = false) => listener?.changed({ sandboxId: SANDBOX, links: true, forwarding }),
    threadEnded: () => listener?.ended(),
    end: async () => {
      end.abort();
      await ended;
    },
  };
}

const count = (calls: readonly string[], what: string): number => calls.filter((call) => call === what).length;

describe('a node that is told of changes', () => {
  it('has drift repaired that two looks have seen, and hands the same over once only', async () => {
    const { state, watch, calls, changed, end } = node();
    watch.followed.noted(state.record);
    state.mtu = 1300;
    changed();
    await until('a run', () => calls.includes(`run for ${POD.uid}`));
    changed();
    await until('another look', () => count(calls, 'look') === 2);
    await sleep(400);
    assert.equal(count(calls, `run for ${POD.uid}`), 1);
    await end();
  });

  it('leaves alone what the second look does not see any more', async () => {
    const { state, watch, calls, changed, end } = node();
    watch.followed.noted(state.record);
    state.mtu = 1300;
    changed();
    await until('a look', () => calls.includes('look'));
    state.mtu = 1450;
    await sleep(400);
    assert.deepEqual(calls, ['follow aa', 'look']);
    await end();
  });

  it('sets forwarding entries right where such changed, and has the owner told', async () => {
    const { state, watch, calls, changed, end } = node();
    watch.followed.noted(state.record);
    changed(true);
    await until('a comparison', () => calls.includes('compare green'));
    state.written = 2;
    changed(true);
    await until('the owner to be told', () => calls.includes("told 2 were missing, 0 were not podwire's"));
    await end();
  });

  it('looks at a sandbox once a second, whatever it is told', async () => {
    const { state, watch, calls, changed, end } = node();
    watch.followed.noted(state.record);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 1_500) {
      changed();
      await sleep(1);
    }
    assert.equal(count(calls, 'look'), 2);
    await end();
  });

  it('does nothing while podwire is to be out of the cluster', async () => {
    const { state, watch, calls, changed, end } = node();
    watch.followed.noted(state.record);
    state.tornDown = true;
    state.mtu = 1300;
    changed();
    await sleep(50);
    assert.deepEqual(calls, ['follow aa']);
    await end();
  });
});

describe('sandboxes that are followed', () => {
  it('are those of attachments of this boot that are not being removed, once each', async () => {
    const { state, watch, calls, end } = node();
    watch.followed.noted({ ...state.record, phase: 'removing' });
    watch.followed.noted({ ...state.record, bootId: 'another' });
    assert.deepEqual(calls, []);
    watch.followed.noted({ ...state.record, phase: 'intent' });
    watch.followed.noted(state.record);
    assert.deepEqual(calls, ['follow aa']);
    await end();
  });

  it('are let go when nothing is recorded of them any more, but not by a list that is older than they are', async () => {
    const { state, watch, calls, end } = node();
    const before = performance.now();
    await sleep(2);
    watch.followed.noted(state.record);
    watch.followed.notedAll([], before);
    assert.deepEqual(calls, ['follow aa']);
    watch.followed.notedAll([], performance.now() + 1);
    assert.deepEqual(calls, ['follow aa', 'unfollow aa']);
    await end();
  });

  it('are let go when a look finds no records, and when their files are gone', async () => {
    const { state, watch, calls, changed, end } = node();
    watch.followed.noted(state.record);
    state.isThere = false;
    changed();
    await until('it to be let go', () => calls.includes('unfollow aa'));
    watch.followed.noted({ ...state.record, netns: { ...netns, path: '/run/netns/none' } });
    watch.followed.dropGone();
    assert.equal(watch.followed.size, 0);
    await end();
  });

  it('are followed again when the thread that listened ended, or could not', async () => {
    const { state, watch, calls, threadEnded, end } = node();
    watch.followed.noted(state.record);
    threadEnded();
    state.followFails = true;
    watch.followed.notedAll([state.record], performance.now());
    await until('it to be given up', () => watch.followed.size === 0);
    state.followFails = false;
    watch.followed.notedAll([state.record], performance.now());
    assert.equal(count(calls, 'follow aa'), 3);
    assert.equal(watch.followed.size, 1);
    await end();
  });
});

describe('plugins that work in a sandbox', () => {
  it('are podwire itself', async () => {
    const { notices, calls, end } = node();
    const plugins = asOwnChanges(
      { del: async () => void calls.push('del') } as unknown as Parameters<typeof asOwnChanges>[0],
      notices,
    );
    await plugins.del({ sandboxId: SANDBOX } as never, undefined, new AbortController().signal);
    assert.deepEqual(calls, ['hold', 'del', 'let go']);
    await end();
  });
});
