/** What of a plan depends on one field alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLUSTER_SCOPE } from '../../../domain/network-selection.ts';
import type { RecordedAttachment, Observation, DesiredAttachment } from '../../../domain/plan/observation.ts';
import { isOnlyKept, plan } from '../../../domain/plan/plan.ts';
import { lines, observed, record, desired } from './observations.ts';

const REFUSED = { code: 'Refused', message: 'no' } as const;
const desiredCni = (interfaceName: string, name: string, hashes = 'l/t'): DesiredAttachment => ({
  ...desired(interfaceName, name, hashes),
  kind: 'cni',
});
const cniRecord = (interfaceName: string, name: string, change: Partial<RecordedAttachment> = {}): RecordedAttachment =>
  record(interfaceName, { kind: 'cni', network: { scope: 'red', name }, ...change });
const refused = (allDesired: DesiredAttachment): DesiredAttachment => ({ ...allDesired, refused: REFUSED });
const swaps = (observation: Observation): boolean => {
  const decided = plan(observation);
  return decided.kind === 'tasks' && decided.tasks.some(({ attach }) => attach?.swaps === true);
};

describe('a link whose tunnel changes', () => {
  const allDesired = [desired('green', 'green', 'l2/t2')];

  it('stays until the new one takes its place', () => {
    const observation = observed({ wished: allDesired, known: [record('green')] });
    assert.deepEqual([lines(observation), swaps(observation)], [['+green'], true]);
  });

  it('goes first when it is of another node, sandbox or kind, or is being removed', () => {
    const changes: Partial<RecordedAttachment>[] = [
      { node: 'other' },
      { sandboxId: 'other' },
      { kind: 'cni' },
      { phase: 'removing' },
    ];
    for (const change of changes) {
      const observation = observed({ wished: allDesired, known: [record('green', change)] });
      assert.deepEqual([lines(observation), swaps(observation)], [['±green'], false], JSON.stringify(change));
    }
    const asCni = observed({ wished: [desiredCni('green', 'green', 'l2/t2')], known: [record('green')] });
    assert.deepEqual([lines(asCni), swaps(asCni)], [['±green'], false]);
  });

  it('is none that changes in place', () => {
    const observation = observed({ wished: [desired('green', 'green', 'l2/t')], known: [record('green')] });
    assert.deepEqual([lines(observation), swaps(observation)], [['+green'], false]);
  });

  it('is none that has another interface', () => {
    const recorded = [record('blue', { network: { scope: 'red', name: 'green' } })];
    assert.equal(swaps(observed({ wished: allDesired, known: recorded })), false);
  });
});

describe('a refused wish', () => {
  it('keeps no link of another kind', () => {
    assert.deepEqual(lines(observed({ wished: [refused(desiredCni('green', 'green'))], known: [record('green')] })), [
      '-green',
    ]);
  });

  it('says nothing about the network that was given the interface', () => {
    const allDesired = [refused(desired('green', 'other', 'l3/t3')), desired('green')];
    assert.deepEqual(lines(observed({ wished: allDesired, known: [record('green')] })), []);
  });

  it('does not keep an attach that never ended', () => {
    const network = { scope: CLUSTER_SCOPE, name: 'green' };
    const allDesired = [refused({ ...desired('green'), network })];
    assert.deepEqual(lines(observed({ wished: allDesired, known: [record('green', { network, phase: 'intent' })] })), [
      '-green',
    ]);
  });
});

describe('an attachment that is only kept', () => {
  it('is one whose network is refused on another interface', () => {
    const recorded = record('green');
    const allDesired = [refused(desired('blue', 'green'))];
    assert.equal(isOnlyKept(recorded, observed({ wished: allDesired, known: [recorded], keep: ['green'] })), true);
    assert.equal(
      isOnlyKept(recorded, observed({ wished: [desired('blue', 'green')], known: [recorded], keep: ['green'] })),
      true,
    );
  });

  it('is one that another tunnel cannot replace yet', () => {
    const recorded = record('green', { completed: false });
    const allDesired = [desired('green', 'green', 'l2/t2')];
    assert.equal(isOnlyKept(recorded, observed({ wished: allDesired, known: [recorded], keep: ['green'] })), true);
  });

  it('is a CNI interface whose edit was refused, for it is not made anew', () => {
    const recorded = cniRecord('net1', 'a');
    assert.equal(
      isOnlyKept(recorded, observed({ wished: [refused(desiredCni('net1', 'a'))], known: [recorded] })),
      true,
    );
  });
});

describe('an attached link', () => {
  it('is attached again when the container it was made through is another one now', () => {
    const recorded = [record('green', { unverified: true })];
    assert.deepEqual(lines(observed({ wished: [desired('green')], known: recorded })), ['+green']);
  });

  it('of a network that is not wished any more by this name goes', () => {
    const recorded = [record('green', { network: { scope: CLUSTER_SCOPE, name: 'old' } })];
    assert.deepEqual(lines(observed({ wished: [desired('green')], known: recorded })), ['±green']);
  });
});

describe('an edit that can be taken back', () => {
  const kept = (change: Partial<RecordedAttachment>) =>
    lines(observed({ known: [record('green', change)], keep: ['green'] }));

  it('is one that was begun on a link that was attached before', () => {
    assert.deepEqual(kept({ phase: 'intent', hasLastGood: true }), ['~green']);
    assert.deepEqual(kept({ phase: 'intent' }), []);
    assert.deepEqual(kept({ hasLastGood: true }), []);
  });
});

describe('a CNI interface', () => {
  it('is made again in one lane on another node', () => {
    const recorded = [cniRecord('net1', 'a', { node: 'other' })];
    assert.deepEqual(lines(observed({ wished: [desiredCni('net1', 'a')], known: recorded })), ['±net1']);
  });

  it('gives way at once to a tunnel, and a tunnel to it', () => {
    assert.deepEqual(lines(observed({ wished: [desired('net1', 'b')], known: [cniRecord('net1', 'a')] })), ['±net1']);
    const tunnel = record('net1', { network: { scope: 'red', name: 'b' } });
    assert.deepEqual(lines(observed({ wished: [desiredCni('net1', 'a')], known: [tunnel] })), ['±net1']);
  });

  const edited = (others: readonly DesiredAttachment[], recorded: readonly RecordedAttachment[] = []) =>
    lines(
      observed({
        wished: [desiredCni('net1', 'b', 'l2/t2'), ...others],
        known: [cniRecord('net1', 'a'), ...recorded],
      }),
    ).find((line) => line.endsWith('net1'));

  it('stays until another network takes its place', () => {
    assert.equal(edited([]), '+net1');
  });

  it('stays where its network is wished elsewhere as a tunnel, or refused, or attached', () => {
    assert.equal(edited([desired('eth9', 'a')]), '+net1');
    assert.equal(edited([refused(desiredCni('net2', 'a'))]), '+net1');
    assert.equal(edited([desiredCni('net2', 'a')], [cniRecord('net2', 'a')]), '+net1');
  });

  it('goes first where its network is to come to another interface', () => {
    assert.equal(edited([desiredCni('net2', 'a')]), '±net1');
  });

  it('stays where its new network also stays on another interface', () => {
    assert.equal(edited([desiredCni('net2', 'b')], [cniRecord('net2', 'b')]), '+net1');
  });

  it('goes first where its new network changes on another interface', () => {
    assert.equal(edited([desiredCni('net2', 'b', 'l3/t')], [cniRecord('net2', 'b')]), '±net1');
  });
});
