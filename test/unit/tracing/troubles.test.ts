/** What the log says where traces cannot be sent. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { diag } from '@opentelemetry/api';
import type { Logger } from '../../../adapters/log/logger.ts';
import { recordTraces } from '../../../adapters/tracing/otlp.ts';

describe('traces that cannot be sent', () => {
  after(() => diag.disable());

  it('are told of once in a while, with all that a component of the SDK says', async () => {
    const told: unknown[] = [];
    const log = { warn: ({ why }: { why: string }) => told.push(why) } as unknown as Logger;
    const tracing = recordTraces('test', '1', log);
    const exporter = diag.createComponentLogger({ namespace: 'OTLPExportDelegate' });
    exporter.warn('Export retry time', 'exceeds the deadline', { secret: 'of somebody' });
    exporter.error('once more');
    assert.deepEqual(told, ['OTLPExportDelegate Export retry time exceeds the deadline']);
    await tracing.close();
  });
});
