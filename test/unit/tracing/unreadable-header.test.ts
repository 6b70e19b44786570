/** A trace header that podwire cannot read: that of another system, encrypted, or cut. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Headers, Payload } from '@temporalio/common';
import { traceIn } from '../../../adapters/temporal/trace-headers.ts';
import { TRACE_HEADER } from '../../../domain/tracing.ts';
import { interceptors } from '../../../workflows/tracing/run-trace.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const encoded = (encoding: string, data: string): Payload => ({
  metadata: { encoding: bytes(encoding) },
  data: bytes(data),
});

const UNREADABLE: readonly (readonly [what: string, payload: Payload])[] = [
  ['is encrypted', encoded('binary/encrypted', '\u0001\u0002')],
  ['has no metadata', { data: bytes('{}') }],
  ['has no data', { metadata: { encoding: bytes('json/plain') } }],
  ['is broken JSON', encoded('json/plain', '{"traceparent":')],
];

describe('a trace header that', () => {
  for (const [what, payload] of UNREADABLE)
    it(`${what} is none, to a step and to a run, which goes on`, () => {
      const headers: Headers = { [TRACE_HEADER]: payload };
      assert.equal(traceIn(headers), undefined);
      const [inbound] = interceptors().inbound ?? [];
      const signal = { signalName: 'desiredChanged', args: [], headers };
      let handled = 0;
      void inbound?.handleSignal?.(signal, () => {
        handled += 1;
        return Promise.resolve();
      });
      const update = { updateId: 'u', name: 'connect', args: [], headers };
      void inbound?.handleUpdate?.(update, () => {
        handled += 1;
        return Promise.resolve(undefined);
      });
      assert.equal(handled, 2);
    });
});
