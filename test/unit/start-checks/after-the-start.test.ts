import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Check } from '../../../domain/start-checks/check.ts';
import { etcdChecks, type EtcdFacts } from '../../../domain/start-checks/etcd.ts';
import { StartChecks } from '../../../workers/start-checks.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
const PAUSES = { minMs: 5, maxMs: 10, afterwardsMs: 20 };
const TARGET = { endpoints: ['e:2379'], setting: 'PODWIRE_ETCD_ENDPOINTS', prefix: '/podwire/', user: undefined };
const WELL: EtcdFacts = { version: '3.6.4', alarms: [], rights: 'granted' };

async function until(is: () => boolean): Promise<void> {
  for (const end = performance.now() + 5_000; !is(); await sleep(5)) assert.ok(performance.now() < end, 'in time');
}

describe('what is found after the start', () => {
  it('keeps a part from being ready while etcd takes no writes, and as long as that', async () => {
    const stopped = new AbortController();
    let facts = WELL;
    const source = { name: 'etcd', ask: async (): Promise<readonly Check[]> => etcdChecks(TARGET, facts) };
    const checks = new StartChecks([source], log, stopped.signal, PAUSES);
    checks.start();
    try {
      await until(() => checks.reasons().length === 0);
      facts = { ...WELL, alarms: ['NOSPACE'] };
      await until(() => checks.reasons().length === 1);
      assert.match(checks.reasons()[0] ?? '', /NOSPACE: the quota is used up.*alarm disarm/);
      facts = WELL;
      await until(() => checks.reasons().length === 0);
    } finally {
      stopped.abort();
    }
  });

  it('does not where the part itself says what does not work', async () => {
    const stopped = new AbortController();
    let asked = 0;
    let facts = WELL;
    const source = {
      name: 'etcd',
      ask: async (): Promise<readonly Check[]> => {
        asked += 1;
        return etcdChecks(TARGET, facts);
      },
    };
    const checks = new StartChecks([source], log, stopped.signal, PAUSES);
    checks.start();
    try {
      await until(() => checks.reasons().length === 0);
      facts = { unreachable: 'no route' };
      const before = asked;
      await until(() => asked > before + 2);
      assert.deepEqual(checks.reasons(), []);
      assert.equal(checks.checks()[0]?.state, 'error', 'the doctor sees it');
    } finally {
      stopped.abort();
    }
  });

  it('is looked for anew when somebody asks, and not for each of many who ask', async () => {
    const stopped = new AbortController();
    let asked = 0;
    const source = {
      name: 'etcd',
      ask: async (): Promise<readonly Check[]> => {
        asked += 1;
        return etcdChecks(TARGET, asked === 1 ? WELL : { ...WELL, alarms: ['NOSPACE'] });
      },
    };
    const checks = new StartChecks([source], log, stopped.signal, { ...PAUSES, afterwardsMs: 60_000 });
    checks.start();
    try {
      await until(() => checks.reasons().length === 0);
      await Promise.all([checks.refresh(), checks.refresh()]);
      await checks.refresh();
      assert.equal(asked, 2);
      assert.ok(checks.checks().some(({ text }) => text.includes('NOSPACE')));
    } finally {
      stopped.abort();
    }
  });
});
