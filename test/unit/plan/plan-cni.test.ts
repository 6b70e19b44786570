import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KnownAttachment, Observation, WishedAttachment } from '../../../domain/observation.ts';
import { plan, type Plan } from '../../../domain/plan.ts';
import { lines, observed, record, wish } from './observations.ts';

/** A CNI attachment's fingerprints say its network and parameters, not its interface. */
const cniWish = (interfaceName: string, network: string): WishedAttachment => ({
  ...wish(interfaceName, network, `${network}/${network}`),
  kind: 'cni',
});
const cniRecord = (interfaceName: string, network: string, change: Partial<KnownAttachment> = {}): KnownAttachment =>
  record(interfaceName, {
    ...cniWish(interfaceName, network),
    keepName: `npwg:red/${network}`,
    ...change,
  });
const lanes = (observation: Observation): Extract<Plan, { kind: 'lanes' }> => {
  const decided = plan(observation);
  assert.ok(decided.kind === 'lanes');
  return decided;
};

describe('what another runtime attached and the annotation asks for no more', () => {
  const takeOver = [{ interfaceName: 'net1', network: { scope: 'red', name: 'green' } }];
  const taken = (observation: Observation) =>
    lanes(observation).lanes.flatMap((lane) => (lane.takeOver === undefined ? [] : [lane.takeOver.interfaceName]));

  it('is taken over in a lane of its own, after what the pod asks for', () => {
    const observation = observed({ wished: [cniWish('net2', 'blue')], takeOver });
    assert.deepEqual(lines(observation)[0], '+net2');
    assert.deepEqual(taken(observation), ['net1']);
    assert.equal(lanes(observation).lanes[1]?.takeOver?.sandboxId, observation.sandboxId);
  });

  it('waits where the sandbox is not known, and stays where the pod does not live or podwire has the interface', () => {
    assert.equal(plan({ ...observed({ takeOver }), sandboxId: undefined }).kind, 'lookup-sandbox');
    for (const presence of ['waiting', 'ended', 'absent'] as const) {
      assert.deepEqual(taken({ ...observed({ takeOver }), presence }), []);
    }
    assert.deepEqual(taken(observed({ takeOver, known: [cniRecord('net1', 'green')] })), []);
  });
});

describe('CNI networks of a running pod', () => {
  it('replaced behind one interface name stay until the step that makes the other one, which can be taken back', () => {
    const observation = observed({ wished: [cniWish('net1', 'blue')], known: [cniRecord('net1', 'green')] });
    assert.deepEqual(lines(observation), ['+net1']);
    assert.equal(lanes(observation).more, false);
  });

  it('exchanged between two interfaces are first detached only, then attached in the order of the annotation', () => {
    const wished = [cniWish('net1', 'blue'), cniWish('net2', 'green')];
    const first = observed({ wished, known: [cniRecord('net1', 'green'), cniRecord('net2', 'blue')] });
    assert.deepEqual(lines(first), ['-net1', '-net2']);
    assert.equal(lanes(first).more, true);
    const second = observed({ wished });
    assert.deepEqual(lines(second), ['+net1', '+net2']);
    assert.equal(lanes(second).more, false);
  });

  it('stay when another dialect wants their interface too and is refused, whichever comes first in the list', () => {
    const loser = { ...cniWish('net1', 'blue'), refused: { code: 'InterfaceWantedTwice', message: 'taken' } };
    const owner = cniWish('net1', 'green');
    for (const wished of [
      [loser, owner],
      [owner, loser],
    ]) {
      assert.deepEqual(lines(observed({ wished, known: [cniRecord('net1', 'green')] })), []);
    }
  });

  it('moved to another interface wait for their detach, and nobody else waits with them', () => {
    const observation = observed({
      wished: [cniWish('net2', 'green'), cniWish('net3', 'blue'), wish('red')],
      known: [cniRecord('net1', 'green')],
    });
    assert.deepEqual(lines(observation), ['-net1', '+net3', '+red']);
    assert.equal(lanes(observation).more, true);
  });

  it('asked for twice do not wait for the one that stays', () => {
    const observation = observed({
      wished: [cniWish('net1', 'green'), cniWish('net2', 'green')],
      known: [cniRecord('net1', 'green')],
    });
    assert.deepEqual(lines(observation), ['+net2']);
    assert.equal(lanes(observation).more, false);
  });

  it('move without waiting when they are VXLAN networks: nothing of those is there only once', () => {
    const wished = [wish('a', 'blue', 'b/b'), wish('b', 'green', 'g/g')];
    const known = [record('a', { ...wish('a', 'green', 'g/g') }), record('b', { ...wish('b', 'blue', 'b/b') })];
    assert.deepEqual(lines(observed({ wished, known })), ['±a', '±b']);
  });

  it('with other parameters are another attachment', () => {
    const other = { ...cniWish('net1', 'green'), linkHash: 'other', tunnelHash: 'other' };
    assert.deepEqual(lines(observed({ wished: [other], known: [cniRecord('net1', 'green')] })), ['+net1']);
  });

  it('replaced by one that is not for this sandbox, or was never attached, are removed first', () => {
    for (const past of [{ sandboxId: 'earlier' }, { completed: false, phase: 'intent' as const }])
      assert.deepEqual(
        lines(observed({ wished: [cniWish('net1', 'blue')], known: [cniRecord('net1', 'green', past)] })),
        ['±net1'],
      );
  });

  it('stay behind an interface that is refused to another network, and become again what they were', () => {
    const wished = [{ ...cniWish('net1', 'blue'), refused: { code: 'CniFailed', message: 'no parent' } }];
    assert.deepEqual(lines(observed({ wished, known: [cniRecord('net1', 'green')] })), []);
    const halfDone = cniRecord('net1', 'blue', { phase: 'intent', hasLastGood: true });
    const { lanes: decided } = lanes(observed({ wished, known: [halfDone] }));
    assert.deepEqual(decided, [{ interfaceName: 'net1', remove: [], takeBack: halfDone }]);
  });

  it('wait for what belongs to a network once, also when only one of two interfaces is edited', () => {
    const wished = [cniWish('net1', 'blue')];
    const known = [cniRecord('net1', 'green'), cniRecord('net2', 'blue')];
    assert.deepEqual(lines(observed({ wished, known })), ['-net1', '-net2']);
  });
});

describe('a wish for an interface that a network which stays has', () => {
  const wished = [cniWish('net1', 'blue'), cniWish('net2', 'green')];
  const known = [cniRecord('net1', 'red')];

  it('is held, by name, and the others go on', () => {
    const decided = lanes(observed({ wished, known, keep: ['npwg:red/red'] }));
    assert.deepEqual(decided.held, [{ wish: wished[0], by: { scope: 'red', name: 'red' } }]);
    assert.deepEqual(lines(observed({ wished, known, keep: ['npwg:red/red'] })), ['+net2']);
    assert.equal(decided.more, false);
  });

  it('is carried out once that network does not stay any more', () => {
    assert.deepEqual(lanes(observed({ wished, known })).held, []);
    assert.deepEqual(lines(observed({ wished, known })), ['+net1', '+net2']);
  });

  it('is not held by a removal that was begun', () => {
    const removing = [cniRecord('net1', 'red', { phase: 'removing' })];
    const observation = observed({ wished, known: removing, keep: ['npwg:red/red'] });
    assert.deepEqual(lanes(observation).held, []);
    assert.deepEqual(lines(observation), ['±net1', '+net2']);
  });
});
