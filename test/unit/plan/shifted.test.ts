/** Entries that have come to mean another network although nobody edited the pod: what they have stays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DesiredAttachment, Observation, RecordedAttachment } from '../../../domain/plan/observation.ts';
import { heldFailure, isDecidedAnew } from '../../../domain/plan/held.ts';
import { isOnlyKept, plan, type Plan } from '../../../domain/plan/plan.ts';
import { networkRows } from '../../../workflows/pod-network/network-rows.ts';
import { lines, observed, record, desired } from './observations.ts';

const BLUE = { scope: 'cluster.network', name: 'blue' };
const GREEN = { scope: 'cluster.network', name: 'green' };
const IN_MAP = { scope: 'cluster', name: 'blue' };
const DEFINITION = { scope: 'red', name: 'nad' };
const AS = 'npwg:red/nad';
const REFUSED = { code: 'VniTaken', message: 'no' };

const wish = (change: Partial<DesiredAttachment>): DesiredAttachment => ({
  ...desired('net1', 'green', 'l2/t2'),
  ...{ network: GREEN, askedAs: AS },
  ...change,
});
const has = (change: Partial<RecordedAttachment> = {}): RecordedAttachment =>
  record('net1', { network: BLUE, keepName: AS, ...change });
const macvlan = { kind: 'cni', network: DEFINITION } as const;

const heldBy = (observation: Observation): Extract<Plan, { kind: 'tasks' }>['held'] => {
  const decided = plan(observation);
  assert.ok(decided.kind === 'tasks');
  return decided.held;
};
/** Shows that nothing is done, and what is said of it, or is said already. */
function stays(recorded: RecordedAttachment, wished: DesiredAttachment): string {
  const observation = observed({ wished: [wished], known: [recorded] });
  assert.deepEqual(lines(observation), []);
  assert.deepEqual(lines(observed({ wished: [{ ...wished, refused: REFUSED }], known: [recorded] })), []);
  assert.equal(isOnlyKept(recorded, observation), true);
  const [held, ...more] = heldBy(observation);
  assert.ok(held !== undefined && more.length === 0);
  const { code, message } = heldFailure(held);
  assert.equal(isDecidedAnew(code), true);
  return `${code}: ${message}`;
}

describe('an edited definition', () => {
  it('that leads to another network object takes no interface away, be its replacement refused or not', () => {
    const said = stays(has(), wish({}));
    assert.match(
      said,
      /^DefinitionEdited: .*net1.* cluster.network\/blue.* red\/nad .*leads to .*cluster.network\/green/,
    );
    assert.match(said, /until the pod or the entry goes/);
  });

  it('that leads to a network object takes away nothing that a plugin made, nor the other way round', () => {
    const toObject = stays(has(macvlan), wish({}));
    assert.match(toObject, /^DefinitionEdited: .*net1 .*plugin.* red\/nad .*leads to .*cluster.network\/green/);
    const toPlugin = stays(has(), wish(macvlan));
    assert.match(toPlugin, /^DefinitionEdited: .*net1 .*cluster.network\/blue.* red\/nad .*is for a CNI plugin/);
  });

  it('keeps what is attached also when its entry asks for another interface', () => {
    assert.match(stays(has(), wish({ interfaceName: 'data0' })), /^DefinitionEdited/);
  });

  it('holds for later attachments: of another sandbox, of an attach that never ended, of a removed one', () => {
    for (const change of [{ sandboxId: 'old' }, { phase: 'intent', completed: false }, { phase: 'removing' }] as const)
      assert.deepEqual(
        lines(observed({ wished: [wish({})], known: [has(change)] })),
        ['±net1'],
        JSON.stringify(change),
      );
    assert.deepEqual(lines(observed({ wished: [wish({})] })), ['+net1']);
  });

  it('keeps nothing whose entry is gone, or that another entry of the definition does not speak for', () => {
    assert.deepEqual(lines(observed({ known: [has()] })), ['-net1']);
    const known = [has(macvlan), has({ ...macvlan, interfaceName: 'net2' })];
    assert.deepEqual(lines(observed({ wished: [wish({})], known })), ['-net2']);
  });

  it('says nothing about an entry that names another definition', () => {
    assert.deepEqual(lines(observed({ wished: [wish({ askedAs: 'npwg:red/other' })], known: [has()] })), ['±net1']);
  });

  it('is not told as attached to whoever waits for the pod', () => {
    const [row, ...more] = networkRows(observed({ wished: [wish({})], known: [has()] }), [], true);
    assert.deepEqual([row?.network, row?.state, more], ['cluster.network/green', 'refused', []]);
    const [same] = networkRows(observed({ wished: [wish({ network: BLUE })], known: [has()] }), [], true);
    assert.equal(same?.state, 'attached');
  });

  it('leaves a further entry of the definition its own interface', () => {
    const wished = [wish(macvlan), wish({ ...macvlan, interfaceName: 'net2' })];
    assert.deepEqual(lines(observed({ wished, known: [has()] })), ['+net2']);
  });

  it('takes an edit back that was begun before', () => {
    const known = [has({ phase: 'intent', hasLastGood: true })];
    assert.deepEqual(lines(observed({ wished: [wish({})], known })), ['~net1']);
  });
});

describe('a name that changes hands between the ConfigMap and a network object', () => {
  const blue = (change: Partial<DesiredAttachment>): DesiredAttachment => wish({ askedAs: 'blue', ...change });
  const had = (change: Partial<RecordedAttachment>): RecordedAttachment => has({ keepName: 'blue', ...change });

  it('moves no running pod, and the message says who declares it now', () => {
    const toObject = stays(had({ network: IN_MAP }), blue({ network: BLUE }));
    assert.match(toObject, /^DeclaredElsewhere: .*net1 .*cluster\/blue.* ClusterNetwork blue .*until the pod or/);
    const toMap = stays(had({ network: BLUE }), blue({ network: IN_MAP }));
    assert.match(toMap, /^DeclaredElsewhere: .*net1 .*cluster.network\/blue.* the ConfigMap .*until the pod or/);
    const own = { scope: 'network.red', name: 'blue' };
    assert.match(stays(had({ network: BLUE }), blue({ network: own })), /Network red\/blue/);
    assert.match(stays(had({ network: own }), blue({ network: IN_MAP })), /the ConfigMap/);
  });

  it('moves none of the same tunnel either, nor one whose interface the other declaration calls otherwise', () => {
    const sameTunnel = blue({ network: BLUE, linkHash: 'l', tunnelHash: 't' });
    assert.match(stays(had({ network: IN_MAP }), sameTunnel), /^DeclaredElsewhere/);
    const elsewhere = blue({ network: BLUE, interfaceName: 'blue' });
    assert.match(stays(had({ network: IN_MAP }), elsewhere), /^DeclaredElsewhere/);
  });

  it('is none where the annotation itself declares the network', () => {
    const inline = { scope: 'red', name: 'blue' };
    const moved = (network: RecordedAttachment['network'], wished: Partial<DesiredAttachment>) =>
      lines(observed({ wished: [blue(wished)], known: [had({ network })] }));
    assert.deepEqual(moved(BLUE, { network: inline }), ['±net1']);
    assert.deepEqual(moved(inline, { network: BLUE }), ['±net1']);
    assert.deepEqual(moved(inline, { network: IN_MAP }), ['±net1']);
    assert.deepEqual(moved(IN_MAP, { network: inline }), ['±net1']);
    assert.deepEqual(moved(IN_MAP, { network: inline, tunnelHash: 't' }), []);
  });
});

describe('a wish whose interface is kept for another reason', () => {
  it('is refused with that reason, as long as nobody asks anew', () => {
    const wished = wish({ network: { scope: 'red', name: 'x' }, askedAs: 'x' });
    const [held] = heldBy(observed({ wished: [wished], known: [has()], keep: [AS] }));
    assert.ok(held !== undefined);
    const { code, message } = heldFailure(held);
    assert.deepEqual([code, isDecidedAnew(code)], ['InterfaceConflict', false]);
    assert.match(message, /interface net1 is kept by network cluster.network\/blue/);
  });
});
