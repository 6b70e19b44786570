/** What the run of a network object does next, as a table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  nextStep,
  observationOf,
  type NetworkStatus,
  type ObjectObservation,
  type RefusedReservation,
} from '../../../domain/network-objects/status.ts';
import type { NetworkUse } from '../../../domain/ports/network-objects.ts';

type SeenObject = NonNullable<ObjectObservation['object']>;

const USE: NetworkUse = {
  ...{ tunnel: undefined, attached: 0, pods: [], members: 0, nodes: 0, addresses: 0, behind: [], tornDown: false },
  isWhole: true,
};
const OBJECT: SeenObject = {
  ...{ kind: 'cluster-network', generation: 3, deleting: false, held: true, wanted: { port: 8472 } },
};

const seen = (object: Partial<SeenObject> | undefined, use: Partial<NetworkUse> = {}): ObjectObservation => ({
  ...(object === undefined ? {} : { object: { ...OBJECT, ...object } }),
  use: { ...USE, ...use },
});

const published = (observation: ObjectObservation, refused?: RefusedReservation): NetworkStatus => {
  const step = nextStep(observation, refused);
  assert.equal(step.kind, 'publish');
  return step.kind === 'publish' ? step.status : assert.fail();
};
/** `Type=Status Reason`. */
const conditions = ({ conditions: all }: NetworkStatus): string[] =>
  all.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
const TAKEN: RefusedReservation = { kind: 'taken', vni: 500, owner: 'shop/red' };

describe('the run of a network object', () => {
  const given = { port: 8472, given: 500 };
  const cases: readonly [string, ObjectObservation, object, RefusedReservation?][] = [
    ['holds a new object before it reserves anything', seen({ held: false }), { kind: 'hold', held: true }],
    ['reserves a free VNI', seen({}), { kind: 'reserve', wanted: { port: 8472 } }],
    ['reserves the VNI that is given', seen({ wanted: given }), { kind: 'reserve', wanted: given }],
    [
      'reserves anew where it holds another one than is given',
      seen({ wanted: given }, { tunnel: '8472/7' }),
      { kind: 'reserve', wanted: given },
    ],
    [
      'gives up the VNI of an object that was deleted, before it lets it go',
      seen({ deleting: true }, { tunnel: '8472/7' }),
      { kind: 'release' },
    ],
    ['lets a deleted object go that holds nothing', seen({ deleting: true }), { kind: 'hold', held: false }],
    ['has nothing to do with one that it does not hold', seen({ deleting: true, held: false }), settled(true)],
    [
      'gives up the VNI of an object that is gone',
      seen(undefined, { tunnel: '8472/7', attached: 3 }),
      { kind: 'release' },
    ],
    ['ends when the object is gone', seen(undefined), settled(true)],
    [
      'lets objects go when podwire is taken out of the cluster',
      seen({}, { tornDown: true }),
      { kind: 'hold', held: false },
    ],
    ['holds none while podwire is out of the cluster', seen({ held: false }, { tornDown: true }), settled(true)],
    [
      'keeps a deleted object of which nothing is recorded in an etcd that was begun anew, and looks again',
      seen({ deleting: true }, { isWhole: false }),
      settled(false),
    ],
    [
      'keeps its status, by which its pods find the VNI, while they come back',
      seen({ deleting: true, status: lost() }, { attached: 1, isWhole: false }),
      settled(false),
    ],
    [
      'lets objects go when podwire is taken out of the cluster, whatever is recorded',
      seen({ deleting: true }, { tornDown: true, isWhole: false }),
      { kind: 'hold', held: false },
    ],
  ];
  for (const [title, observation, expected, refused] of cases)
    it(title, () => {
      assert.deepEqual(nextStep(observation, refused), expected);
    });

  /** Of a time before the loss. */
  function lost(): NetworkStatus {
    return {
      ...{ observedGeneration: 3, vni: 70_000, members: 5, nodes: 2, addresses: 5, meshComplete: true, conditions: [] },
    };
  }

  it('says the VNI that the members of a deleted object have after a loss of etcd', () => {
    const status = lost();
    const use = { attached: 5, members: 5 };
    assert.equal(published(seen({ deleting: true, status }, use)).vni, 70_000);
    assert.equal(published(seen({ deleting: false, status, declaredAs: 'red' }, use)).vni, undefined);
  });

  function settled(isSettled: boolean): object {
    return { kind: 'rest', isSettled };
  }

  it('tells what the network has, and rests when it has told that', () => {
    const use = { tunnel: '8472/70000', members: 3, nodes: 2, addresses: 4, attached: 3 };
    const status = published(seen({}, use));
    const { conditions: all, ...rest } = status;
    assert.deepEqual(rest, {
      ...{ observedGeneration: 3, vni: 70_000, members: 3, nodes: 2, addresses: 4, meshComplete: true },
    });
    assert.deepEqual(conditions({ ...rest, conditions: all }), [
      ...['Ready=True Serving', 'Conflict=False NoConflict', 'Degraded=False MeshComplete'],
    ]);
    assert.deepEqual(nextStep(seen({ status }, use)), settled(true));
  });

  it('tells whose the VNI is, and looks again', () => {
    const observation = seen({ wanted: given });
    const status = published(observation, TAKEN);
    assert.deepEqual(conditions(status).slice(0, 2), ['Ready=False VniTaken', 'Conflict=True VniTaken']);
    assert.match(status.conditions[1]?.message ?? '', /VNI 500 belongs to network shop\/red/);
    assert.deepEqual(nextStep(seen({ wanted: given, status }), TAKEN), settled(false));
  });

  it('tells that no VNI is free', () => {
    assert.equal(conditions(published(seen({}), { kind: 'exhausted' }))[0], 'Ready=False VniRangeExhausted');
  });

  it('takes no VNI of the ConfigMap: a Network is not served, a ClusterNetwork may be', () => {
    const declared = { wanted: given, declaredAs: 'red' };
    assert.deepEqual(conditions(published(seen({ ...declared, kind: 'network' }))).slice(0, 2), [
      ...['Ready=False VniDeclaredTwice', 'Conflict=True VniDeclaredTwice'],
    ]);
    assert.equal(conditions(published(seen(declared)))[0], 'Ready=True Serving');
  });

  it('tells of a VNI that podwire gave before the ConfigMap declared it', () => {
    const spec = { port: 8472, mode: 'pod', subnets: [] } as const;
    const ref = { kind: 'network', namespace: 'shop', name: 'blue', uid: 'u', config: '', plugin: '' } as const;
    const definition = { ...ref, declares: { ok: true, spec } } as const;
    const observed = (declared: number): ObjectObservation =>
      observationOf({ definition, held: true, status: undefined }, { ...USE, tunnel: '8472/70000' }, (port, vni) =>
        port === 8472 && vni === declared ? 'red' : undefined,
      );
    const status = published(observed(70_000));
    assert.deepEqual(conditions(status).slice(0, 2), [
      ...['Ready=False VniDeclaredTwice', 'Conflict=True VniDeclaredTwice'],
    ]);
    assert.match(status.conditions[1]?.message ?? '', /has VNI 70000 \(UDP port 8472\) for network "red"/);
    assert.equal(conditions(published(observed(70_001)))[0], 'Ready=True Serving');
  });

  it('says what is wrong with a broken object, and keeps it', () => {
    const status = published(seen({ wanted: { why: 'spec.vni: too big' } }));
    assert.deepEqual(
      [conditions(status)[0], status.conditions[0]?.message],
      [...['Ready=False NetworkBroken', 'spec.vni: too big']],
    );
  });

  it('says who keeps a deleted object: ten by name, and how many', () => {
    const pods = Array.from({ length: 10 }, (_, at) => `shop/p${at}`);
    const use = { tunnel: '8472/7', attached: 12, pods, members: 12 };
    const status = published(seen({ deleting: true }, use));
    assert.equal(conditions(status)[0], 'Ready=False DeletionWaits');
    assert.match(status.conditions[0]?.message ?? '', /attached: 12 \(shop\/p0, .*, shop\/p9 and 2 more\)/);
    assert.deepEqual(nextStep(seen({ deleting: true, status }, use)), settled(false));
  });

  it('names nodes that are behind, and looks again', () => {
    const use = { tunnel: '8472/7', members: 2, nodes: 2, attached: 2, behind: ['n2'] };
    const status = published(seen({}, use));
    assert.equal(status.meshComplete, false);
    assert.match(status.conditions[2]?.message ?? '', /n2/);
    assert.deepEqual(nextStep(seen({ status }, use)), settled(false));
  });

  it('comes to rest from every state when each step does what it says', () => {
    const observations = fc.record({
      deleting: fc.boolean(),
      held: fc.boolean(),
      attached: fc.nat(2),
      tornDown: fc.boolean(),
      tunnel: fc.constantFrom(undefined, '8472/7', '4789/7'),
      isGiven: fc.boolean(),
      isTaken: fc.boolean(),
      isGone: fc.boolean(),
      isWhole: fc.boolean(),
    });
    fc.assert(
      fc.property(observations, ({ deleting, held, isGiven, isTaken, isGone, ...use }) => {
        const { attached, tornDown, isWhole } = use;
        const wanted = isGiven ? given : { port: 8472 };
        let state = seen(isGone ? undefined : { deleting, held, wanted }, use);
        let refused: RefusedReservation | undefined;
        for (let steps = 0; steps < 6; steps += 1) {
          const { object, use: now } = state;
          const step = nextStep(state, refused);
          if (step.kind === 'rest') {
            const waits = !isWhole && !tornDown;
            if (object === undefined || ((deleting || tornDown) && attached === 0 && !waits)) {
              assert.equal(now.tunnel, undefined, 'nothing is kept for nobody');
              assert.equal(object?.held ?? false, false);
            }
            return;
          }
          if (step.kind === 'reserve') {
            if (isTaken) refused = TAKEN;
            else state = { ...state, use: { ...now, tunnel: `8472/${step.wanted.given ?? 70_000}` } };
          } else if (step.kind === 'release') state = { ...state, use: { ...now, tunnel: undefined } };
          else if (object !== undefined)
            state = {
              object: { ...object, ...(step.kind === 'hold' ? { held: step.held } : { status: step.status }) },
              use: now,
            };
        }
        assert.fail('six steps, and no rest');
      }),
    );
  });
});
