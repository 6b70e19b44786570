/** What holds for every plan, shown on generated observations and on a small world that the plans are applied to. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RecordedAttachment, Observation, DesiredAttachment } from '../../../domain/plan/observation.ts';
import { plan, type AttachmentTask } from '../../../domain/plan/plan.ts';
import { networkKey } from '../../../domain/network-selection.ts';
import { NODE, record, SANDBOX, desired } from './observations.ts';

const RUNS = { numRuns: 2_000 };
const interfaceName = fc.constantFrom('a', 'b', 'c');
const network = fc.record({
  scope: fc.constantFrom('red', 'red', 'cluster'),
  name: fc.constantFrom('a', 'b', 'c', 'd'),
});
const hashes = fc.constantFrom('l/t', 'm/t', 'n/u');

const allDesired: fc.Arbitrary<DesiredAttachment[]> = fc.uniqueArray(
  fc.tuple(interfaceName, network, hashes, fc.integer({ min: 0, max: 5 })).map(([ifName, named, hash, refused]) => ({
    ...desired(ifName, '', hash),
    network: named,
    ...(refused === 0 ? { refused: { code: 'LinkConflict', message: 'taken' } } : {}),
  })),
  // The parser lets each interface and each network appear once.
  { maxLength: 3, selector: (one) => one.interfaceName },
);

/** One record per node, sandbox and interface, as its key in etcd has it. */
const records: fc.Arbitrary<RecordedAttachment[]> = fc.uniqueArray(
  fc
    .record({
      interfaceName,
      network,
      hash: hashes,
      node: fc.constantFrom(NODE, NODE, 'node-2'),
      sandboxId: fc.constantFrom(SANDBOX, SANDBOX, 'old'),
      phase: fc.constantFrom('intent', 'attached', 'removing'),
      completed: fc.boolean(),
      edits: fc.boolean(),
    })
    .map(({ hash, interfaceName: ifName, edits, ...rest }) =>
      record(ifName, {
        ...{ ...desired(ifName, '', hash), ...rest },
        ...(edits && rest.completed && rest.phase === 'intent' ? { hasLastGood: true } : {}),
      }),
    ),
  { maxLength: 6, selector: (one) => `${one.node}/${one.sandboxId}/${one.interfaceName}` },
);

const observation: fc.Arbitrary<Observation> = fc.record({
  presence: fc.constantFrom('live', 'live', 'live', 'absent', 'waiting', 'ended', 'host-network'),
  node: fc.constant(NODE),
  inputsHash: fc.constant('inputs'),
  sandboxId: fc.constantFrom(SANDBOX, SANDBOX, undefined),
  wished: allDesired,
  known: records,
  keep: fc.subarray(['a', 'b', 'c', 'd'], { maxLength: 2 }),
  keepAll: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
  problems: fc.constant(0),
});

const tasksOf = (seen: Observation): readonly AttachmentTask[] => {
  const decided = plan(seen);
  return decided.kind === 'tasks' ? decided.tasks : [];
};

const hold = (property: (seen: Observation, tasks: readonly AttachmentTask[]) => void): void =>
  fc.assert(
    fc.property(observation, (seen) => property(seen, tasksOf(seen))),
    RUNS,
  );

const isRemoved = (tasks: readonly AttachmentTask[], recorded: RecordedAttachment): boolean =>
  tasks.some((task) => task.remove.includes(recorded));

/** What carrying out the tasks makes of the records, as record-store and node do it. */
function carriedOut(seen: Observation, tasks: readonly AttachmentTask[]): Observation {
  const gone = new Set(tasks.flatMap((task) => task.remove));
  const made = tasks.flatMap(({ attach }) =>
    attach === undefined
      ? []
      : [record(attach.desired.interfaceName, { ...attach.desired, sandboxId: attach.sandboxId })],
  );
  const isReplaced = (one: RecordedAttachment): boolean =>
    made.some(
      (other) =>
        other.interfaceName === one.interfaceName && other.node === one.node && other.sandboxId === one.sandboxId,
    );
  const back = new Set(tasks.map(({ rollBack }) => rollBack));
  const left = seen.known
    .filter((one) => !gone.has(one) && !isReplaced(one))
    .map((one): RecordedAttachment => (back.has(one) ? { ...one, phase: 'attached', hasLastGood: false } : one));
  return { ...seen, known: [...left, ...made] };
}

describe('every plan', () => {
  it('has nothing left to do once it was carried out', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        const found = plan(seen).kind === 'lookup-sandbox' ? { ...seen, sandboxId: SANDBOX } : seen;
        assert.deepEqual(tasksOf(carriedOut(found, tasksOf(found))), []);
      }),
      RUNS,
    );
  });

  it('detaches before it attaches, and attaches in the order of the annotation', () => {
    hold((seen, tasks) => {
      const firstAttach = tasks.findIndex((task) => task.attach !== undefined);
      const detachesOnly = tasks.map((task) => task.attach === undefined);
      if (firstAttach !== -1) assert.ok(!detachesOnly.slice(firstAttach).includes(true));
      const order = seen.wished.map((one) => one.interfaceName);
      const attached = tasks.flatMap((task) => (task.attach === undefined ? [] : [task.interfaceName]));
      assert.deepEqual(
        attached,
        order.filter((name) => attached.includes(name)),
      );
    });
  });

  it('has one lane per interface, and every lane does something', () => {
    hold((_seen, tasks) => {
      assert.equal(new Set(tasks.map((task) => task.interfaceName)).size, tasks.length);
      for (const task of tasks) {
        assert.ok(task.remove.length > 0 || task.attach !== undefined || task.rollBack !== undefined);
        assert.ok(task.attach === undefined || task.rollBack === undefined);
        for (const one of task.remove) assert.equal(one.interfaceName, task.interfaceName);
      }
    });
  });

  it('removes nothing from a pod that waits', () => {
    hold((seen, tasks) => {
      if (seen.presence === 'waiting') assert.deepEqual(tasks, []);
    });
  });

  it('removes everything from a pod that is gone, and attaches nothing to it', () => {
    hold((seen, tasks) => {
      if (seen.presence === 'live' || seen.presence === 'waiting') return;
      for (const recorded of seen.known) assert.ok(isRemoved(tasks, recorded));
      assert.ok(tasks.every((task) => task.attach === undefined));
    });
  });

  it('never touches what is kept in the sandbox of a running pod, unless its removal was begun', () => {
    hold((seen, tasks) => {
      for (const recorded of seen.known) {
        const isHere = recorded.node === seen.node && (seen.sandboxId ?? recorded.sandboxId) === recorded.sandboxId;
        const kept = seen.presence === 'live' && isHere && (seen.keepAll || seen.keep.includes(recorded.network.name));
        if (!kept || recorded.phase === 'removing') continue;
        assert.ok(!isRemoved(tasks, recorded));
        const over = tasks.find(
          ({ attach }) =>
            attach?.desired.interfaceName === recorded.interfaceName && attach.sandboxId === recorded.sandboxId,
        );
        if (over?.attach !== undefined)
          assert.equal(networkKey(over.attach.desired.network), networkKey(recorded.network));
      }
    });
  });

  it('finishes every removal that was begun, and removes what an older sandbox or another node has', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        const decided = plan(seen);
        if (decided.kind !== 'tasks' || seen.presence !== 'live') return;
        for (const recorded of seen.known) {
          const isOld = seen.sandboxId !== undefined && recorded.sandboxId !== seen.sandboxId;
          if (recorded.phase === 'removing' || isOld || recorded.node !== seen.node)
            assert.ok(isRemoved(decided.tasks, recorded));
        }
      }),
      RUNS,
    );
  });

  it('never attaches over the record of another network, and over another tunnel only to swap it', () => {
    hold((seen, tasks) => {
      for (const { attach, remove } of tasks) {
        if (attach === undefined) continue;
        const standing = seen.known.find(
          (recorded) =>
            recorded.node === seen.node &&
            recorded.sandboxId === attach.sandboxId &&
            recorded.interfaceName === attach.desired.interfaceName,
        );
        if (standing === undefined || remove.includes(standing)) continue;
        assert.equal(networkKey(standing.network), networkKey(attach.desired.network));
        if (standing.completed) assert.equal(attach.swaps === true, standing.tunnelHash !== attach.desired.tunnelHash);
        else assert.equal(standing.tunnelHash, attach.desired.tunnelHash);
      }
    });
  });

  it('leaves the link of a network whose edit was refused, and lets no edit lie about half done', () => {
    hold((seen, tasks) => {
      for (const recorded of seen.known) {
        const isHere = seen.presence === 'live' && recorded.node === seen.node && recorded.sandboxId === seen.sandboxId;
        if (!isHere || recorded.phase === 'removing') continue;
        const own = seen.wished.find((one) => one.interfaceName === recorded.interfaceName);
        const refused = own?.refused !== undefined && networkKey(own.network) === networkKey(recorded.network);
        if (refused && (recorded.phase === 'attached' || recorded.hasLastGood === true))
          assert.ok(!isRemoved(tasks, recorded));
        if (recorded.hasLastGood !== true) continue;
        const task = tasks.find(({ interfaceName: name }) => name === recorded.interfaceName);
        assert.ok(task?.rollBack === recorded || task?.attach !== undefined || isRemoved(tasks, recorded));
      }
    });
  });

  it('attaches what was not refused, and only that', () => {
    hold((seen, tasks) => {
      for (const task of tasks) assert.equal(task.attach?.desired.refused, undefined);
    });
  });
});
