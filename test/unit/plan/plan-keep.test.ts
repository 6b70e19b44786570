import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnlyKept, plan } from '../../../domain/plan/plan.ts';
import { lines, observed, record, desired } from './observations.ts';

test('a mistake in the annotation as a whole detaches nothing', () => {
  const decided = plan(observed({ keepAll: true, known: [record('a'), record('b')] }));
  assert.deepEqual(decided, { kind: 'tasks', tasks: [], more: false, held: [] });
});

test('a network whose declaration vanished stays in the cluster network, though the pod names the same id itself', () => {
  const recorded = record('a', { network: { scope: 'cluster', name: 'a' } });
  const held = [{ desired: desired('a'), by: recorded.network }];
  assert.deepEqual(plan(observed({ wished: [desired('a')], known: [recorded] })), {
    ...{ kind: 'tasks', tasks: [], more: false },
    held,
  });
  // The next run finds the wish refused for being held, which is no reason to take the network away.
  const refused = { ...desired('a'), refused: { code: 'InterfaceConflict', message: 'held' } };
  assert.deepEqual(lines(observed({ wished: [refused], known: [recorded] })), []);
});

test('a network that becomes declared moves to the cluster network', () => {
  const decided = plan(
    observed({ wished: [{ ...desired('a'), network: { scope: 'cluster', name: 'a' } }], known: [record('a')] }),
  );
  assert.equal(decided.kind, 'tasks');
  const [task] = decided.kind === 'tasks' ? decided.tasks : [];
  assert.equal(task?.remove.length, 1);
  assert.equal(task?.attach?.desired.network.scope, 'cluster');
});

test('only what stays without a wish that it could be made from is merely kept', () => {
  const a = record('a');
  assert.equal(isOnlyKept(a, observed({ keep: ['a'], known: [a] })), true);
  assert.equal(isOnlyKept(a, observed({ keepAll: true, known: [a] })), true);
  assert.equal(isOnlyKept(a, observed({ wished: [desired('a')], known: [a] })), false);
  assert.equal(isOnlyKept(a, observed({ keepAll: true, wished: [desired('a')], known: [a] })), false);
  // Nobody wants it any more: its run takes it away.
  assert.equal(isOnlyKept(a, observed({ known: [a] })), false);
  assert.equal(isOnlyKept(a, observed({ presence: 'ended', keepAll: true, known: [a] })), false);
});

test('a network whose new tunnel is refused or to come is more than kept: its repair makes it as it was', () => {
  const a = record('a');
  const moved = desired('a', 'a', 'l2/t2');
  const refused = { ...moved, refused: { code: 'VniTaken', message: 'taken' } };
  assert.equal(isOnlyKept(a, observed({ wished: [refused], known: [a] })), false);
  assert.equal(isOnlyKept(a, observed({ wished: [moved], known: [a] })), false);
  const begun = record('a', { phase: 'intent', hasLastGood: true });
  const decided = plan(observed({ wished: [refused], known: [begun] }));
  assert.ok(decided.kind === 'tasks');
  assert.deepEqual(decided.tasks, [{ interfaceName: 'a', remove: [], rollBack: begun }]);
});

test('a network whose declaration vanished is merely kept', () => {
  const recorded = record('a', { network: { scope: 'cluster', name: 'a' } });
  assert.equal(isOnlyKept(recorded, observed({ wished: [desired('a')], known: [recorded] })), true);
});
