import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnlyKept, plan } from '../../../domain/plan.ts';
import { lines, observed, record, wish } from './observations.ts';

test('a mistake in the annotation as a whole detaches nothing', () => {
  const decided = plan(observed({ keepAll: true, known: [record('a'), record('b')] }));
  assert.deepEqual(decided, { kind: 'lanes', lanes: [], more: false, held: [] });
});

test('a network whose declaration vanished stays in the cluster network, though the pod names the same id itself', () => {
  const known = record('a', { network: { scope: 'cluster', name: 'a' } });
  const held = [{ wish: wish('a'), by: known.network }];
  assert.deepEqual(plan(observed({ wished: [wish('a')], known: [known] })), {
    ...{ kind: 'lanes', lanes: [], more: false },
    held,
  });
  // The next run finds the wish refused for being held, which is no reason to take the network away.
  const refused = { ...wish('a'), refused: { code: 'InterfaceConflict', message: 'held' } };
  assert.deepEqual(lines(observed({ wished: [refused], known: [known] })), []);
});

test('a network that becomes declared moves to the cluster network', () => {
  const decided = plan(
    observed({ wished: [{ ...wish('a'), network: { scope: 'cluster', name: 'a' } }], known: [record('a')] }),
  );
  assert.equal(decided.kind, 'lanes');
  const [lane] = decided.kind === 'lanes' ? decided.lanes : [];
  assert.equal(lane?.remove.length, 1);
  assert.equal(lane?.attach?.wish.network.scope, 'cluster');
});

test('only what stays without a wish that it could be made from is merely kept', () => {
  const a = record('a');
  assert.equal(isOnlyKept(a, observed({ keep: ['a'], known: [a] })), true);
  assert.equal(isOnlyKept(a, observed({ keepAll: true, known: [a] })), true);
  assert.equal(isOnlyKept(a, observed({ wished: [wish('a')], known: [a] })), false);
  assert.equal(isOnlyKept(a, observed({ keepAll: true, wished: [wish('a')], known: [a] })), false);
  // Nobody wants it any more: its run takes it away.
  assert.equal(isOnlyKept(a, observed({ known: [a] })), false);
  assert.equal(isOnlyKept(a, observed({ presence: 'ended', keepAll: true, known: [a] })), false);
});

test('a network whose new tunnel is refused or to come is more than kept: its repair makes it as it was', () => {
  const a = record('a');
  const moved = wish('a', 'a', 'l2/t2');
  const refused = { ...moved, refused: { code: 'VniTaken', message: 'taken' } };
  assert.equal(isOnlyKept(a, observed({ wished: [refused], known: [a] })), false);
  assert.equal(isOnlyKept(a, observed({ wished: [moved], known: [a] })), false);
  const begun = record('a', { phase: 'intent', hasLastGood: true });
  const decided = plan(observed({ wished: [refused], known: [begun] }));
  assert.ok(decided.kind === 'lanes');
  assert.deepEqual(decided.lanes, [{ interfaceName: 'a', remove: [], takeBack: begun }]);
});

test('a network whose declaration vanished is merely kept', () => {
  const known = record('a', { network: { scope: 'cluster', name: 'a' } });
  assert.equal(isOnlyKept(known, observed({ wished: [wish('a')], known: [known] })), true);
});
