import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claimsTunnel } from '../../../domain/plan/published-claims.ts';
import { networkStatus } from '../../../domain/status/podwire-status.ts';
import { intent, RESULT } from '../../etcd/some-records.ts';

describe('what a published status claims of a tunnel', () => {
  const record = intent('red', 7, { phase: 'attached', result: RESULT });
  const published = JSON.stringify(networkStatus([record], [], [], []));

  it('is claimed by the interface that was attached, and by no other one of the pod', () => {
    assert.equal(claimsTunnel(published, record), true);
    assert.equal(claimsTunnel(published, { ...record, interfaceName: 'other' }), false);
    assert.equal(claimsTunnel(published, intent('red', 8)), false);
    assert.equal(claimsTunnel(undefined, record), false);
  });
});
