/** `traceparent` as it comes from outside: from a runtime's environment, over the plugin's socket, in Temporal's headers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readRequest } from '../../../adapters/cni-server/request-schemas.ts';
import { answer } from '../../../cni/answer.ts';
import { CniAnswerError } from '../../../domain/cni-server/pod-cni.ts';
import { readTraceParent, traceParentText } from '../../../domain/text/trace-parent.ts';
import { carriedTrace, episodeSpanId } from '../../../domain/tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;

const WRONG = [
  ['', 'nothing'],
  [`01-${TRACE}-${SPAN}-01`, 'another version'],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, 'capitals'],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, 'no trace'],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, 'no span'],
  [`${VALID}-more`, 'more than there is'],
  [`${VALID}\n`, 'a line'],
] as const;

describe('traceparent', () => {
  it('is read and written again as it was', () => {
    assert.deepEqual(readTraceParent(VALID), { traceId: TRACE, spanId: SPAN, sampled: true });
    assert.equal(readTraceParent(`00-${TRACE}-${SPAN}-00`)?.sampled, false);
    assert.equal(readTraceParent(`00-${TRACE}-${SPAN}-03`)?.sampled, true);
    const parent = readTraceParent(VALID);
    assert.ok(parent);
    assert.equal(traceParentText(parent), VALID);
  });

  for (const [text, why] of WRONG)
    it(`is none with ${why}`, () => {
      assert.equal(readTraceParent(text), undefined);
    });

  it('is nothing whatever else a header holds', () => {
    for (const value of [undefined, null, 1, 'text', [], {}, { traceparent: 7 }, { traceparent: 'x' }])
      assert.equal(
        carriedTrace(() => value),
        undefined,
      );
    assert.equal(carriedTrace(() => ({ traceparent: VALID }))?.traceId, TRACE);
  });
});

describe('the span of a run’s episode', () => {
  it('has an id that is always the same, that of no other episode, and a valid one', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 200 }), (runId, count) => {
        const id = episodeSpanId(runId, count);
        assert.equal(id, episodeSpanId(runId, count));
        assert.notEqual(id, episodeSpanId(runId, count + 1));
        assert.ok(readTraceParent(`00-${TRACE}-${id}-01`));
      }),
    );
  });
});

describe("the plugin's protocol", () => {
  const config = { cniVersion: '1.0.0', name: 'podwire', type: 'podwire-cni' };
  const call = { containerId: 'c1', ifName: 'eth0', netns: '/run/netns/a', pod: { namespace: 'shop', name: 'web-0' } };
  const body = (more: object): string => JSON.stringify({ call: { ...call, config }, limitMs: 1_000, ...more });

  it('takes a traceparent, and none', () => {
    const traced = readRequest('ADD', body({ traceparent: VALID }), 'cni');
    assert.equal('traceparent' in traced && traced.traceparent, VALID);
    assert.equal('traceparent' in readRequest('ADD', body({}), 'cni'), false);
  });

  for (const [text, why] of WRONG)
    it(`refuses one with ${why}, by the name of the field`, () => {
      assert.throws(
        () => readRequest('ADD', body({ traceparent: text }), 'cni'),
        (error) => error instanceof CniAnswerError && /traceparent: must be 00-, 32 and 16/.test(error.message),
      );
    });
});

describe('the executable', () => {
  it('is not kept from its answer by a TRACEPARENT that is none', async () => {
    const { exitCode, stdout } = await answer({
      ...{ name: 'podwire-cni', env: { CNI_COMMAND: 'VERSION', TRACEPARENT: 'nonsense' }, runsForMs: () => 0 },
      input: () => Promise.resolve('{"cniVersion":"1.0.0"}'),
    });
    assert.equal(exitCode, 0, stdout);
  });
});
