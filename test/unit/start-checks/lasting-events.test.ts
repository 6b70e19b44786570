import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { PodEvent } from '../../../domain/ports/cluster.ts';
import { etcdChecks, type EtcdFacts } from '../../../domain/start-checks/etcd.ts';
import { LastingEvents } from '../../../workers/lasting-events.ts';

const TARGET = { endpoints: ['e:2379'], setting: 'PODWIRE_ETCD_ENDPOINTS', prefix: '/podwire/', user: undefined };
const WELL: EtcdFacts = { version: '3.6.4', alarms: [], rights: 'granted' };
const FULL: EtcdFacts = { version: '3.6.4', alarms: ['NOSPACE'] };
const AWAY: EtcdFacts = { unreachable: 'no route' };

/** An etcd that is asked now and then. */
function bench(fails = 0) {
  const state = { facts: WELL, fails };
  const events: PodEvent[] = [];
  const lasting = new LastingEvents(
    async (event) => {
      if (state.fails > 0) {
        state.fails -= 1;
        throw new Error('the API is away');
      }
      events.push(event);
    },
    { warn: () => undefined },
  );
  const source = lasting.around({ name: 'etcd', ask: async () => etcdChecks(TARGET, state.facts) });
  return {
    events,
    async asked(...all: readonly EtcdFacts[]) {
      for (const facts of all) {
        state.facts = facts;
        assert.deepEqual(await source.ask(), etcdChecks(TARGET, facts));
        await setImmediate();
      }
    },
  };
}

describe('an etcd that takes no writes', () => {
  it('is told by one event with what to do, however long it lasts and although it is away in between', async () => {
    const b = bench();
    await b.asked(WELL, FULL, FULL, AWAY, FULL);
    assert.deepEqual(
      b.events.map(({ type, reason }) => [type, reason]),
      [['Warning', 'NetworkStoreAlarm']],
    );
    assert.match(
      b.events[0]?.message ?? '',
      /^podwire's etcd: alarm NOSPACE.*stays as it is\. etcdctl .* alarm disarm$/,
    );
  });

  it('is told again when it comes again', async () => {
    const b = bench();
    await b.asked(FULL, WELL, FULL);
    assert.equal(new Set(b.events.map(({ key }) => key)).size, 2);
  });

  it('is told as soon as the API takes the event, as the same one', async () => {
    const b = bench(2);
    await b.asked(FULL, FULL, FULL, FULL);
    assert.equal(b.events.length, 1);
  });

  it('is not told of while all is well or nothing answers', async () => {
    const b = bench();
    await b.asked(WELL, AWAY, WELL);
    assert.deepEqual(b.events, []);
  });
});
