/** What a part writes of each try of a step, and its level, which changes while it runs. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { startHealthServer, type HealthServer } from '../../../adapters/http/health-server.ts';
import { logLevelRoutes } from '../../../adapters/http/log-level-routes.ts';
import { createLogger, type Logger } from '../../../adapters/log/logger.ts';
import { stepLog } from '../../../workers/step-log.ts';

type Line = readonly [level: string, fields: Readonly<Record<string, unknown>>, message: string];

function recorder(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    ({ ms, ...fields }: Record<string, unknown>, message: string): void => {
      assert.equal(typeof ms, 'number');
      lines.push([level, fields, message]);
    };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn') } as unknown as Logger;
  return { log, lines };
}

const INPUT = { podUid: 'uid-1', sandboxId: 's1', interfaceName: 'net1', node: 'n1', config: { password: 'secret' } };

async function tried(workflowId: string, work: () => Promise<unknown>): Promise<Line[]> {
  const { log, lines } = recorder();
  const info = { activityType: 'cniAdd', attempt: 2, workflowExecution: { workflowId, runId: 'r1' } };
  const { inbound } = stepLog(log)({ info } as unknown as Context);
  const input = { args: [INPUT], headers: {} };
  await inbound?.execute?.(input, work).catch(() => undefined);
  return lines;
}

const OF_POD = {
  ...{ step: 'cniAdd', pod: 'shop/web-0', podUid: 'uid-1', interfaceName: 'net1', sandboxId: 's1' },
  ...{ workflowId: 'pod/shop/web-0/uid-1', runId: 'r1', attempt: 2 },
};

describe('the log of steps', () => {
  it('has a line for a step that is done, with what it is about and nothing of what it was given to do', async () => {
    const lines = await tried('pod/shop/web-0/uid-1', () => Promise.resolve({ secret: 'secret' }));
    assert.deepEqual(lines, [['info', OF_POD, 'step done']]);
  });

  it('has the code of a failure and its words', async () => {
    const failure = ApplicationFailure.create({ type: 'CniFailed', message: 'bridge: no such device' });
    const lines = await tried('pod/shop/web-0/uid-1', () => Promise.reject(failure));
    assert.deepEqual(lines, [['warn', { ...OF_POD, code: 'CniFailed', why: 'bridge: no such device' }, 'step failed']]);
  });

  it('takes a cancellation for no failure', async () => {
    const lines = await tried('pod/shop/web-0/uid-1', () => Promise.reject(new CancelledFailure('cancelled')));
    assert.deepEqual(lines, [['info', OF_POD, 'step cancelled']]);
  });

  it('tells of what is for no pod at debug', async () => {
    const [line] = await tried('mesh/shop/blue', () => Promise.resolve());
    assert.equal(line?.[0], 'debug');
    assert.equal('pod' in (line?.[1] ?? {}), false);
  });
});

describe('the level of a log', () => {
  const log = createLogger('test', 'error');
  let server: HealthServer | undefined;
  after(() => server?.stop());

  it('is read and changed over loopback while the part runs', async () => {
    server = await startHealthServer({
      ...{ bindAddress: '127.0.0.1:0', metrics: new Registry(), notReady: () => [], local: logLevelRoutes(log) },
    });
    const ask = async (method: string, path: string): Promise<readonly [number, string]> => {
      const response = await fetch(`http://${server?.address ?? ''}${path}`, { method });
      return [response.status, await response.text()];
    };
    assert.deepEqual(await ask('GET', '/log-level'), [200, 'error\n']);
    assert.equal(log.isLevelEnabled('warn'), false);
    assert.deepEqual(await ask('PUT', '/log-level/warn'), [200, 'warn\n']);
    assert.equal(log.isLevelEnabled('warn'), true);
    const [status, said] = await ask('PUT', '/log-level/loud');
    assert.deepEqual([status, said.split(';')[0]], [400, 'level "loud" is refused']);
    assert.deepEqual(await ask('GET', '/log-level'), [200, 'warn\n']);
    assert.equal((await ask('POST', '/log-level'))[0], 405);
  });

  for (const [before, now] of [
    ['info', 'silent'],
    ['silent', 'info'],
    ['warn', 'debug'],
  ] as const)
    it(`says that it was changed from ${before} to ${now}`, async () => {
      const lines: string[] = [];
      const root = pino({ level: before, base: null }, { write: (line: string) => void lines.push(line) });
      const change = logLevelRoutes(root).find(({ method }) => method === 'PUT');
      await change?.handle(now);
      assert.equal(root.level, now);
      assert.deepEqual(
        lines.map((line) => {
          const { msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
          return [msg, fields['before'], fields['now']];
        }),
        [['the level of this log was changed', before, now]],
      );
    });
});
