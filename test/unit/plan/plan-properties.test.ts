/** What holds for every plan, shown on generated observations and on a small world that the plans are applied to. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { KnownAttachment, Observation, WishedAttachment } from '../../../domain/observation.ts';
import { plan, type Lane } from '../../../domain/plan.ts';
import { networkKey } from '../../../domain/network-selection.ts';
import { NODE, record, SANDBOX, wish } from './observations.ts';

const RUNS = { numRuns: 2_000 };
const interfaceName = fc.constantFrom('a', 'b', 'c');
const network = fc.record({
  scope: fc.constantFrom('red', 'red', 'cluster'),
  name: fc.constantFrom('a', 'b', 'c', 'd'),
});
const hashes = fc.constantFrom('l/t', 'm/t', 'n/u');

const wishes: fc.Arbitrary<WishedAttachment[]> = fc.uniqueArray(
  fc.tuple(interfaceName, network, hashes, fc.integer({ min: 0, max: 5 })).map(([ifName, named, hash, refused]) => ({
    ...wish(ifName, '', hash),
    network: named,
    ...(refused === 0 ? { refused: { code: 'LinkConflict', message: 'taken' } } : {}),
  })),
  // The parser lets each interface and each network appear once.
  { maxLength: 3, selector: (one) => one.interfaceName },
);

/** One record per node, sandbox and interface, as its key in etcd has it. */
const records: fc.Arbitrary<KnownAttachment[]> = fc.uniqueArray(
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
        ...{ ...wish(ifName, '', hash), ...rest },
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
  wished: wishes,
  known: records,
  keep: fc.subarray(['a', 'b', 'c', 'd'], { maxLength: 2 }),
  keepAll: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
  problems: fc.constant(0),
});

const lanesOf = (seen: Observation): readonly Lane[] => {
  const decided = plan(seen);
  return decided.kind === 'lanes' ? decided.lanes : [];
};

const hold = (property: (seen: Observation, lanes: readonly Lane[]) => void): void =>
  fc.assert(
    fc.property(observation, (seen) => property(seen, lanesOf(seen))),
    RUNS,
  );

const isRemoved = (lanes: readonly Lane[], known: KnownAttachment): boolean =>
  lanes.some((lane) => lane.remove.includes(known));

/** What carrying out the lanes makes of the records, as record-store and node do it. */
function carriedOut(seen: Observation, lanes: readonly Lane[]): Observation {
  const gone = new Set(lanes.flatMap((lane) => lane.remove));
  const made = lanes.flatMap(({ attach }) =>
    attach === undefined ? [] : [record(attach.wish.interfaceName, { ...attach.wish, sandboxId: attach.sandboxId })],
  );
  const isReplaced = (one: KnownAttachment): boolean =>
    made.some(
      (other) =>
        other.interfaceName === one.interfaceName && other.node === one.node && other.sandboxId === one.sandboxId,
    );
  const back = new Set(lanes.map(({ takeBack }) => takeBack));
  const left = seen.known
    .filter((one) => !gone.has(one) && !isReplaced(one))
    .map((one): KnownAttachment => (back.has(one) ? { ...one, phase: 'attached', hasLastGood: false } : one));
  return { ...seen, known: [...left, ...made] };
}

describe('every plan', () => {
  it('has nothing left to do once it was carried out', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        const found = plan(seen).kind === 'lookup-sandbox' ? { ...seen, sandboxId: SANDBOX } : seen;
        assert.deepEqual(lanesOf(carriedOut(found, lanesOf(found))), []);
      }),
      RUNS,
    );
  });

  it('detaches before it attaches, and attaches in the order of the annotation', () => {
    hold((seen, lanes) => {
      const firstAttach = lanes.findIndex((lane) => lane.attach !== undefined);
      const detachesOnly = lanes.map((lane) => lane.attach === undefined);
      if (firstAttach !== -1) assert.ok(!detachesOnly.slice(firstAttach).includes(true));
      const order = seen.wished.map((one) => one.interfaceName);
      const attached = lanes.flatMap((lane) => (lane.attach === undefined ? [] : [lane.interfaceName]));
      assert.deepEqual(
        attached,
        order.filter((name) => attached.includes(name)),
      );
    });
  });

  it('has one lane per interface, and every lane does something', () => {
    hold((_seen, lanes) => {
      assert.equal(new Set(lanes.map((lane) => lane.interfaceName)).size, lanes.length);
      for (const lane of lanes) {
        assert.ok(lane.remove.length > 0 || lane.attach !== undefined || lane.takeBack !== undefined);
        assert.ok(lane.attach === undefined || lane.takeBack === undefined);
        for (const one of lane.remove) assert.equal(one.interfaceName, lane.interfaceName);
      }
    });
  });

  it('removes nothing from a pod that waits', () => {
    hold((seen, lanes) => {
      if (seen.presence === 'waiting') assert.deepEqual(lanes, []);
    });
  });

  it('removes everything from a pod that is gone, and attaches nothing to it', () => {
    hold((seen, lanes) => {
      if (seen.presence === 'live' || seen.presence === 'waiting') return;
      for (const known of seen.known) assert.ok(isRemoved(lanes, known));
      assert.ok(lanes.every((lane) => lane.attach === undefined));
    });
  });

  it('never touches what is kept in the sandbox of a running pod, unless its removal was begun', () => {
    hold((seen, lanes) => {
      for (const known of seen.known) {
        const isHere = known.node === seen.node && (seen.sandboxId ?? known.sandboxId) === known.sandboxId;
        const kept = seen.presence === 'live' && isHere && (seen.keepAll || seen.keep.includes(known.network.name));
        if (!kept || known.phase === 'removing') continue;
        assert.ok(!isRemoved(lanes, known));
        const over = lanes.find(
          ({ attach }) => attach?.wish.interfaceName === known.interfaceName && attach.sandboxId === known.sandboxId,
        );
        if (over?.attach !== undefined) assert.equal(networkKey(over.attach.wish.network), networkKey(known.network));
      }
    });
  });

  it('finishes every removal that was begun, and removes what an older sandbox or another node has', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        const decided = plan(seen);
        if (decided.kind !== 'lanes' || seen.presence !== 'live') return;
        for (const known of seen.known) {
          const isOld = seen.sandboxId !== undefined && known.sandboxId !== seen.sandboxId;
          if (known.phase === 'removing' || isOld || known.node !== seen.node)
            assert.ok(isRemoved(decided.lanes, known));
        }
      }),
      RUNS,
    );
  });

  it('never attaches over the record of another network, and over another tunnel only to swap it', () => {
    hold((seen, lanes) => {
      for (const { attach, remove } of lanes) {
        if (attach === undefined) continue;
        const standing = seen.known.find(
          (known) =>
            known.node === seen.node &&
            known.sandboxId === attach.sandboxId &&
            known.interfaceName === attach.wish.interfaceName,
        );
        if (standing === undefined || remove.includes(standing)) continue;
        assert.equal(networkKey(standing.network), networkKey(attach.wish.network));
        if (standing.completed) assert.equal(attach.swaps === true, standing.tunnelHash !== attach.wish.tunnelHash);
        else assert.equal(standing.tunnelHash, attach.wish.tunnelHash);
      }
    });
  });

  it('leaves the link of a network whose edit was refused, and lets no edit lie about half done', () => {
    hold((seen, lanes) => {
      for (const known of seen.known) {
        const isHere = seen.presence === 'live' && known.node === seen.node && known.sandboxId === seen.sandboxId;
        if (!isHere || known.phase === 'removing') continue;
        const own = seen.wished.find((one) => one.interfaceName === known.interfaceName);
        const refused = own?.refused !== undefined && networkKey(own.network) === networkKey(known.network);
        if (refused && (known.phase === 'attached' || known.hasLastGood === true)) assert.ok(!isRemoved(lanes, known));
        if (known.hasLastGood !== true) continue;
        const lane = lanes.find(({ interfaceName: name }) => name === known.interfaceName);
        assert.ok(lane?.takeBack === known || lane?.attach !== undefined || isRemoved(lanes, known));
      }
    });
  });

  it('attaches what was not refused, and only that', () => {
    hold((seen, lanes) => {
      for (const lane of lanes) assert.equal(lane.attach?.wish.refused, undefined);
    });
  });
});
