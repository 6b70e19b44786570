import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Opened } from '../../../workers/opened.ts';

describe('what a process has opened', () => {
  it('is closed in reverse order, each thing after the end of the one before', async () => {
    const opened = new Opened();
    const closed: string[] = [];
    for (const name of ['first', 'second', 'third'])
      opened.add(name, async (each) => {
        for (let turns = name.length; turns > 0; turns -= 1) await nextTurn();
        closed.push(each);
      });
    await opened.close();
    assert.deepEqual(closed, ['third', 'second', 'first']);
  });

  it('is closed to the last thing when one cannot be closed, which is told then', async () => {
    const opened = new Opened();
    const closed: string[] = [];
    opened.add('first', (each) => closed.push(each));
    opened.add('second', () => Promise.reject(new Error('second does not close')));
    opened.add('third', () => {
      throw new Error('third does not close');
    });
    await assert.rejects(opened.close(), /third/);
    assert.deepEqual(closed, ['first']);
  });

  it('is closed once only', async () => {
    const opened = new Opened();
    let times = 0;
    assert.equal(
      opened.add('thing', () => (times += 1)),
      'thing',
    );
    await opened.close();
    await opened.close();
    assert.equal(times, 1);
  });
});
