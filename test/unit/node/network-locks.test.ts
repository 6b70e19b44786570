import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { NetworkLocks } from '../../../activities/network/cni/network-locks.ts';

const GREEN = { scope: 'red', name: 'green' };
const BLUE = { scope: 'red', name: 'blue' };

/** Work that runs until it is told to end. */
function work(): { readonly run: () => Promise<string>; readonly end: () => void; running: boolean } {
  let end: () => void = () => undefined;
  const until = new Promise<void>((resolve) => (end = resolve));
  const self = {
    running: false,
    end,
    run: async () => {
      self.running = true;
      await until;
      self.running = false;
      return 'done';
    },
  };
  return self;
}

describe('a CNI network', () => {
  it('is shared by any number of ADDs and DELs', async () => {
    const locks = new NetworkLocks();
    const [a, b] = [work(), work()];
    const both = [locks.shared(GREEN, a.run), locks.shared(GREEN, b.run)];
    await turn();
    assert.ok(a.running && b.running);
    a.end();
    b.end();
    assert.deepEqual(await Promise.all(both), ['done', 'done']);
  });

  it('is left alone by GC while any of them is at it, and free afterwards', async () => {
    const locks = new NetworkLocks();
    const [a, b] = [work(), work()];
    const both = [locks.shared(GREEN, a.run), locks.shared(GREEN, b.run)];
    a.end();
    await both[0];
    assert.equal(await locks.ifIdle(GREEN, async () => 'gc'), undefined);
    assert.equal(await locks.ifIdle(BLUE, async () => 'gc'), 'gc');
    b.end();
    await both[1];
    assert.equal(await locks.ifIdle(GREEN, async () => 'gc'), 'gc');
  });

  it('is waited for while GC has it, by all who come, and by nobody of another network', async () => {
    const locks = new NetworkLocks();
    const [gc, a, b, other] = [work(), work(), work(), work()];
    const collecting = locks.ifIdle(GREEN, gc.run);
    const waiting = [locks.shared(GREEN, a.run), locks.shared(GREEN, b.run)];
    const beside = locks.shared(BLUE, other.run);
    assert.equal(await locks.ifIdle(GREEN, async () => 'second gc'), undefined);
    await turn();
    assert.deepEqual([gc.running, a.running, b.running, other.running], [true, false, false, true]);
    gc.end();
    await collecting;
    await turn();
    assert.deepEqual([a.running, b.running], [true, true]);
    assert.equal(await locks.ifIdle(GREEN, async () => 'third gc'), undefined);
    for (const one of [a, b, other]) one.end();
    await Promise.all([...waiting, beside]);
  });

  it('is given back by work that fails', async () => {
    const locks = new NetworkLocks();
    const fail = async (): Promise<never> => {
      throw new Error('broken');
    };
    await assert.rejects(locks.shared(GREEN, fail), /broken/);
    await assert.rejects(locks.ifIdle(GREEN, fail), /broken/);
    assert.equal(await locks.ifIdle(GREEN, async () => 'gc'), 'gc');
    assert.equal(await locks.shared(GREEN, async () => 'add'), 'add');
  });
});
