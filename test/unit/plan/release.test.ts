/** A sandbox that is being taken down is emptied, in reverse order, and nothing is made in it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Observation } from '../../../domain/plan/observation.ts';
import { desired, lines, observed, record, SANDBOX } from './observations.ts';

const ending = (change: Partial<Observation> = {}): Observation =>
  observed({ sandboxId: undefined, endingSandboxId: SANDBOX, ...change });

describe('a sandbox that is being taken down', () => {
  it('loses its attachments in reverse order of the annotation, those that nobody asks for last', () => {
    const wished = [desired('b'), desired('c'), desired('a')];
    const known = [record('a'), record('b'), record('c'), record('left')];
    assert.deepEqual(lines(ending({ wished, known })), ['-a', '-c', '-b', '-left']);
  });

  it('gets none of what the pod asks for, and is not looked for', () => {
    assert.deepEqual(lines(ending({ wished: [desired('a')] })), []);
  });

  it('is emptied also of what a mistake in the annotation would keep, and of a pod without an address', () => {
    const known = [record('a'), record('b', { phase: 'intent', hasLastGood: true })];
    assert.deepEqual(lines(ending({ known, keepAll: true, presence: 'waiting' })), ['-a', '-b']);
  });

  it("leaves what is in the pod's other sandboxes to the next look, as long as the pod lives", () => {
    const known = [record('a', { sandboxId: 'earlier' }), record('b')];
    assert.deepEqual(lines(ending({ known })), ['-b']);
    assert.deepEqual(lines(ending({ known, presence: 'absent' })), ['-a', '-b']);
  });
});
