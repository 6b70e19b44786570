import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RUN_SHAPE } from '../../../domain/messages.ts';
import { hasFewSteps, joinsSteps, refuseUnknownShape } from '../../../workflows/shape.ts';

const run = (shape?: number) => ({
  ...{ v: 1, uid: 'u', namespace: 'n', name: 'p' },
  ...(shape === undefined ? {} : { shape }),
});

it('leaves a run of a shape that is newer than itself to another orchestrator', () => {
  assert.throws(() => refuseUnknownShape(run(RUN_SHAPE + 1)), /knows runs up to shape \d+, not \d+; update/);
  for (const shape of [undefined, 1, RUN_SHAPE]) refuseUnknownShape(run(shape));
});

it('takes a run without a shape for one of the first', () => {
  assert.equal(hasFewSteps(run()), false);
  assert.equal(hasFewSteps(run(2)), true);
  assert.equal(joinsSteps(run(2)), false);
  assert.equal(joinsSteps(run(3)), true);
});
