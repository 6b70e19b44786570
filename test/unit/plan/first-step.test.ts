import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstStep } from '../../../domain/first-step.ts';
import type { Observation } from '../../../domain/observation.ts';
import { plan } from '../../../domain/plan.ts';
import { observed, record, SANDBOX, wish } from './observations.ts';

/** `-eth1` removes, `+eth1` records an intent. */
function first(change: Partial<Observation>): string | undefined {
  const step = firstStep(plan(observed(change)));
  if (step === undefined) return undefined;
  return step.kind === 'removal' ? `-${step.record.interfaceName}` : `+${step.wish.interfaceName}`;
}

describe('what is begun together with the look at a pod', () => {
  it('is the intent of the first network that it asks for', () => {
    assert.equal(first({ wished: [wish('b'), wish('a')] }), '+b');
    const step = firstStep(plan(observed({ wished: [wish('b')] })));
    assert.equal(step?.kind === 'intent' && step.sandboxId, SANDBOX);
  });

  it('is the removal of what it does not ask for any more, before anything new', () => {
    assert.equal(first({ wished: [wish('new')], known: [record('old')] }), '-old');
    assert.equal(first({ wished: [wish('a', 'other')], known: [record('a')] }), '-a');
  });

  it('is nothing where nothing is to be done, or something has to be found out or told first', () => {
    assert.equal(first({ wished: [wish('a')], known: [record('a')] }), undefined);
    assert.equal(first({ wished: [wish('a')], sandboxId: undefined }), undefined);
    assert.equal(first({ wished: [wish('a')], presence: 'waiting' }), undefined);
    const heldByAnother = { wished: [wish('a', 'other'), wish('b')], known: [record('a')], keepAll: true };
    assert.equal(first(heldByAnother), undefined);
  });
});
