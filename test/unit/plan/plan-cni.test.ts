import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordedAttachment, Observation, DesiredAttachment } from '../../../domain/plan/observation.ts';
import { plan, type Plan } from '../../../domain/plan/plan.ts';
import { lines, observed, record, desired } from './observations.ts';

/** A CNI attachment's fingerprints say its network and parameters, not its interface. */
const desiredCni = (interfaceName: string, network: string): DesiredAttachment => ({
  ...desired(interfaceName, network, `${network}/${network}`),
  kind: 'cni',
});
const cniRecord = (
  interfaceName: string,
  network: string,
  change: Partial<RecordedAttachment> = {},
): RecordedAttachment =>
  record(interfaceName, {
    ...desiredCni(interfaceName, network),
    keepName: `npwg:red/${network}`,
    ...change,
  });
const tasks = (observation: Observation): Extract<Plan, { kind: 'tasks' }> => {
  const decided = plan(observation);
  assert.ok(decided.kind === 'tasks');
  return decided;
};

describe('what another runtime attached and the annotation asks for no more', () => {
  const takeOver = [{ interfaceName: 'net1', network: { scope: 'red', name: 'green' } }];
  const taken = (observation: Observation) =>
    tasks(observation).tasks.flatMap((task) => (task.takeOver === undefined ? [] : [task.takeOver.interfaceName]));

  it('is taken over in a lane of its own, after what the pod asks for', () => {
    const observation = observed({ wished: [desiredCni('net2', 'blue')], takeOver });
    assert.deepEqual(lines(observation)[0], '+net2');
    assert.deepEqual(taken(observation), ['net1']);
    assert.equal(tasks(observation).tasks[1]?.takeOver?.sandboxId, observation.sandboxId);
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
    const observation = observed({ wished: [desiredCni('net1', 'blue')], known: [cniRecord('net1', 'green')] });
    assert.deepEqual(lines(observation), ['+net1']);
    assert.equal(tasks(observation).more, false);
  });

  it('exchanged between two interfaces are first detached only, then attached in the order of the annotation', () => {
    const allDesired = [desiredCni('net1', 'blue'), desiredCni('net2', 'green')];
    const first = observed({ wished: allDesired, known: [cniRecord('net1', 'green'), cniRecord('net2', 'blue')] });
    assert.deepEqual(lines(first), ['-net1', '-net2']);
    assert.equal(tasks(first).more, true);
    const second = observed({ wished: allDesired });
    assert.deepEqual(lines(second), ['+net1', '+net2']);
    assert.equal(tasks(second).more, false);
  });

  it('stay when another dialect wants their interface too and is refused, whichever comes first in the list', () => {
    const loser = { ...desiredCni('net1', 'blue'), refused: { code: 'InterfaceWantedTwice', message: 'taken' } };
    const owner = desiredCni('net1', 'green');
    for (const allDesired of [
      [loser, owner],
      [owner, loser],
    ]) {
      assert.deepEqual(lines(observed({ wished: allDesired, known: [cniRecord('net1', 'green')] })), []);
    }
  });

  it('moved to another interface wait for their detach, and nobody else waits with them', () => {
    const observation = observed({
      wished: [desiredCni('net2', 'green'), desiredCni('net3', 'blue'), desired('red')],
      known: [cniRecord('net1', 'green')],
    });
    assert.deepEqual(lines(observation), ['-net1', '+net3', '+red']);
    assert.equal(tasks(observation).more, true);
  });

  it('asked for twice do not wait for the one that stays', () => {
    const observation = observed({
      wished: [desiredCni('net1', 'green'), desiredCni('net2', 'green')],
      known: [cniRecord('net1', 'green')],
    });
    assert.deepEqual(lines(observation), ['+net2']);
    assert.equal(tasks(observation).more, false);
  });

  it('move without waiting when they are VXLAN networks: nothing of those is there only once', () => {
    const allDesired = [desired('a', 'blue', 'b/b'), desired('b', 'green', 'g/g')];
    const recorded = [
      record('a', { ...desired('a', 'green', 'g/g') }),
      record('b', { ...desired('b', 'blue', 'b/b') }),
    ];
    assert.deepEqual(lines(observed({ wished: allDesired, known: recorded })), ['±a', '±b']);
  });

  it('with other parameters are another attachment', () => {
    const other = { ...desiredCni('net1', 'green'), linkHash: 'other', tunnelHash: 'other' };
    assert.deepEqual(lines(observed({ wished: [other], known: [cniRecord('net1', 'green')] })), ['+net1']);
  });

  it('replaced by one that is not for this sandbox, or was never attached, are removed first', () => {
    for (const past of [{ sandboxId: 'earlier' }, { completed: false, phase: 'intent' as const }])
      assert.deepEqual(
        lines(observed({ wished: [desiredCni('net1', 'blue')], known: [cniRecord('net1', 'green', past)] })),
        ['±net1'],
      );
  });

  it('stay behind an interface that is refused to another network, and become again what they were', () => {
    const allDesired = [{ ...desiredCni('net1', 'blue'), refused: { code: 'CniFailed', message: 'no parent' } }];
    assert.deepEqual(lines(observed({ wished: allDesired, known: [cniRecord('net1', 'green')] })), []);
    const halfDone = cniRecord('net1', 'blue', { phase: 'intent', hasLastGood: true });
    const { tasks: decided } = tasks(observed({ wished: allDesired, known: [halfDone] }));
    assert.deepEqual(decided, [{ interfaceName: 'net1', remove: [], rollBack: halfDone }]);
  });

  it('wait for what belongs to a network once, also when only one of two interfaces is edited', () => {
    const allDesired = [desiredCni('net1', 'blue')];
    const recorded = [cniRecord('net1', 'green'), cniRecord('net2', 'blue')];
    assert.deepEqual(lines(observed({ wished: allDesired, known: recorded })), ['-net1', '-net2']);
  });
});

describe('a wish for an interface that a network which stays has', () => {
  const allDesired = [desiredCni('net1', 'blue'), desiredCni('net2', 'green')];
  const recorded = [cniRecord('net1', 'red')];

  it('is held, by name, and the others go on', () => {
    const decided = tasks(observed({ wished: allDesired, known: recorded, keep: ['npwg:red/red'] }));
    assert.deepEqual(decided.held, [{ desired: allDesired[0], by: { scope: 'red', name: 'red' } }]);
    assert.deepEqual(lines(observed({ wished: allDesired, known: recorded, keep: ['npwg:red/red'] })), ['+net2']);
    assert.equal(decided.more, false);
  });

  it('is carried out once that network does not stay any more', () => {
    assert.deepEqual(tasks(observed({ wished: allDesired, known: recorded })).held, []);
    assert.deepEqual(lines(observed({ wished: allDesired, known: recorded })), ['+net1', '+net2']);
  });

  it('is not held by a removal that was begun', () => {
    const removing = [cniRecord('net1', 'red', { phase: 'removing' })];
    const observation = observed({ wished: allDesired, known: removing, keep: ['npwg:red/red'] });
    assert.deepEqual(tasks(observation).held, []);
    assert.deepEqual(lines(observation), ['±net1', '+net2']);
  });
});
