import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { everyInterval } from '../../../workers/loops.ts';
import { RecordsOfNode } from '../../../workers/node/records-of-node.ts';
import type { Logger } from '../../../adapters/log/logger.ts';
import { Pace } from '../../../workers/pace.ts';
import { until } from '../../workflows/limits.ts';

const log = { info: () => undefined, warn: () => undefined } as unknown as Logger;
const LIMIT_MS = 5_000;
/** Long enough for some looks that should not be there. */
const QUIET_MS = 150;
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

let end: () => Promise<void>;
afterEach(() => end());

/** A loop that looks every 10 ms unless it rests. */
function node(o: { isEmpty: boolean }) {
  const pace = new Pace({ oftenMs: 10, seldomMs: 60_000, alertMs: 0, laterMs: 10 });
  const records = new RecordsOfNode([pace]);
  const ending = new AbortController();
  const state = { ...o, looks: 0 };
  const loop = everyInterval('sweep', pace, log, ending.signal, async () => {
    state.looks += 1;
    records.rest(pace, state.isEmpty);
  });
  end = () => {
    ending.abort();
    return loop;
  };
  /** The number of looks when they have come to an end. */
  const rests = async (): Promise<number> => {
    await quiet();
    const { looks } = state;
    await quiet();
    assert.equal(state.looks, looks, 'no look while it rests');
    return looks;
  };
  const goesOn = (): Promise<void> => {
    const { looks } = state;
    return until('three more looks', () => state.looks >= looks + 3, LIMIT_MS);
  };
  return { records, state, rests, goesOn };
}

describe('looks at what is recorded of a node', () => {
  it('rest while there is nothing, and begin again with what comes to be recorded', async () => {
    const { records, state, rests, goesOn } = node({ isEmpty: true });
    records.heard(true);
    records.changed();
    const before = await rests();
    records.changed();
    await until('a look', () => state.looks > before, LIMIT_MS);
    await rests();
    state.isEmpty = false;
    records.changed();
    await goesOn();
  });

  it('go on while there is something', async () => {
    const { records, goesOn } = node({ isEmpty: false });
    records.heard(true);
    await goesOn();
  });

  it('go on while etcd does not tell', async () => {
    const { records, rests, goesOn } = node({ isEmpty: true });
    await goesOn();
    records.heard(true);
    await rests();
    records.heard(false);
    records.changed();
    await goesOn();
  });
});
