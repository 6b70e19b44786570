import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { networkStatus } from '../../../domain/status/podwire-status.ts';
import { DRIFT_REMAINS } from '../../../domain/sweep/remaining-drift.ts';
import { cniRecord } from './some-node.ts';

const failure = { v: 1, interfaceName: 'net1', generation: 3, code: DRIFT_REMAINS, message: 'MTU 1300; stop that' };
const shown = (...of: Parameters<typeof cniRecord>): unknown => {
  const [status] = networkStatus([cniRecord(...of)], [failure], [], []);
  return { state: status?.state, code: status?.code, mtu: status?.mtu };
};

describe('the status of an attachment whose drift remains', () => {
  test('says so, and does not show what is not true any more', () => {
    assert.deepEqual(shown(), { state: 'Failing', code: DRIFT_REMAINS, mtu: undefined });
  });

  test('is that of any other once it is made anew', () => {
    assert.deepEqual(shown({ phase: 'intent', generation: 4 }), {
      state: 'Attaching',
      code: undefined,
      mtu: undefined,
    });
    assert.deepEqual(shown({ generation: 4 }), { state: 'Attached', code: undefined, mtu: 1500 });
  });

  test('is still that of an attached one when a step failed for another reason', () => {
    const [status] = networkStatus([cniRecord()], [{ ...failure, code: 'CriUnavailable' }], [], []);
    assert.equal(status?.state, 'Attached');
  });
});
