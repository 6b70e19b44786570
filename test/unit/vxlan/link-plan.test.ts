import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aliasFor, ownerOf } from '../../../domain/vxlan/link-alias.ts';
import type { LinkView, NetnsView, VxlanView } from '../../../domain/vxlan/link-observation.ts';
import { planLink, type DesiredLink } from '../../../domain/vxlan/link-plan.ts';
import { planRemoval } from '../../../domain/vxlan/link-removal.ts';
import type { LinkCommand } from '../../../domain/ports/link-kernel.ts';

const UID = '0c7fdd2e-1111-4222-8333-444455556666';
const TEMPORARY = 'pw0123456789ab';

const link = (change: Partial<LinkView>): LinkView => ({
  ...{ ifindex: 5, name: 'green', mac: '02:00:00:00:00:01', mtu: 1450, up: true, alias: undefined, kind: 'vxlan' },
  vxlan: { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: false },
  addresses: [{ cidr: '10.1.0.2/24', family: 4, linkLocal: false }],
  ...change,
});
const parent = link({ ifindex: 2, name: 'eth0', mtu: 1500, kind: 'veth', vxlan: undefined });
const view = (...links: LinkView[]): NetnsView => ({ links: [parent, ...links], routes: [] });
const desired: DesiredLink = {
  link: {
    ...{ kind: 'vxlan', interfaceName: 'green', vni: 7, dstPort: 8472, parent: 'eth0', up: true },
    ...{ addresses: ['10.1.0.2/24'], routes: [], peers: [] },
  },
  ...{ podUid: UID, generation: 3, vtep: '10.244.1.5', temporaryName: TEMPORARY },
};
const ours = aliasFor({ podUid: UID, generation: 3, adopted: false });

const commands = (plan: ReturnType<typeof planLink>): readonly LinkCommand[] =>
  'prepare' in plan ? [...plan.prepare, ...plan.activate] : [];

test('a link that is as wished needs nothing', () => {
  assert.deepEqual(planLink(view(link({ alias: ours })), desired), { kind: 'same' });
});

test('a new link gets its real name only after its alias, and goes up only after everything else but routes', () => {
  const plan = planLink(view(), {
    ...desired,
    link: { ...desired.link, routes: [{ destination: '10.2.0.0/16', gateway: '10.1.0.1' }] },
  });
  assert.equal(plan.kind, 'create');
  assert.deepEqual(
    commands(plan).map(({ op }) => op),
    ['add-vxlan', 'set-alias', 'add-address', 'rename', 'set-up', 'add-route', 'announce'],
  );
});

test('what a crash left under the temporary name goes first', () => {
  const plan = planLink(view(link({ name: TEMPORARY })), desired);
  assert.deepEqual(commands(plan)[0], { op: 'remove-link', name: TEMPORARY });
  assert.equal(plan.kind, 'create');
});

test('a changed VNI is made beside the old link, which goes right before the rename', () => {
  const plan = planLink(view(link({ alias: ours })), { ...desired, link: { ...desired.link, vni: 8 } });
  assert.equal(plan.kind, 'replace');
  assert.deepEqual(
    commands(plan).map(({ op }) => op),
    ['add-vxlan', 'set-alias', 'add-address', 'remove-link', 'rename', 'set-up', 'announce'],
  );
});

test('a changed parent keeps VNI and port, so the old link must go before the new one is made', () => {
  const other = link({ name: 'eth1', mtu: 1500, vxlan: undefined });
  const plan = planLink(view(other, link({ alias: ours })), { ...desired, link: { ...desired.link, parent: 'eth1' } });
  assert.equal(commands(plan)[0]?.op, 'remove-link');
});

test('the alias of another pod is foreign', () => {
  const alien = aliasFor({ podUid: 'another', generation: 3, adopted: false });
  const plan = planLink(view(link({ alias: alien, vxlan: undefined, kind: 'bridge' })), desired);
  assert.ok(plan.kind === 'conflict' && plan.code === 'LinkConflict');
});

test('a VNI that our other, disappearing link holds is a matter of time, not a conflict', () => {
  const plan = planLink(view(link({ name: 'old', alias: ours })), desired);
  assert.ok(plan.kind === 'conflict' && plan.code === 'KernelBusy');
});

test('IPv6 addresses on an MTU below 1280 are refused, since the kernel would drop them silently', () => {
  const plan = planLink(view(), { ...desired, link: { ...desired.link, mtu: 1200, addresses: ['fd00::1/64'] } });
  assert.ok(plan.kind === 'conflict' && plan.code === 'InvalidLink');
});

test('a MAC that was changed is set back on a link of ours, and a link that is made anew gets it again', () => {
  const recorded = { ...desired, mac: '02:00:00:00:00:01' };
  assert.deepEqual(commands(planLink(view(link({ alias: ours, mac: '02:00:00:00:00:99' })), recorded)), [
    { op: 'set-mac', name: 'green', mac: '02:00:00:00:00:01' },
    { op: 'announce', name: 'green', address: '10.1.0.2' },
  ]);
  const [made] = commands(planLink(view(), recorded));
  assert.ok(made?.op === 'add-vxlan' && made.mac === '02:00:00:00:00:01');
});

test('an address that a link gets while it is up is announced, and none of a link that stays down', () => {
  const two = { ...desired.link, addresses: ['10.1.0.2/24', '10.1.0.9/24', 'fd00::9/64'] };
  const present = link({ alias: ours });
  assert.deepEqual(commands(planLink(view(present), { ...desired, link: two })).slice(2), [
    { op: 'announce-all', name: 'green', mac: '02:00:00:00:00:01' },
    { op: 'announce', name: 'green', address: '10.1.0.9' },
  ]);
  const down = commands(planLink(view({ ...present, up: false }), { ...desired, link: { ...two, up: false } }));
  assert.deepEqual(
    down.map(({ op }) => op),
    ['add-address', 'add-address'],
  );
});

test('a MAC that was changed on an adopted link stays: somebody else may rely on it', () => {
  const alias = aliasFor({ podUid: UID, generation: 3, adopted: true });
  const plan = planLink(view(link({ alias, mac: '02:00:00:00:00:99' })), { ...desired, mac: '02:00:00:00:00:01' });
  assert.deepEqual(plan, { kind: 'same' });
});

const tunnel = { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: false } as const;
const unlike: [string, Partial<VxlanView>][] = [
  ['local 10.244.1.9', { local: '10.244.1.9' }],
  ['group 239.1.1.1', { remote: '239.1.1.1' }],
  ['remote 10.244.1.9', { remote: '10.244.1.9' }],
  ['l2miss', { flags: ['l2miss'] }],
  ['gbp', { flags: ['gbp'] }],
];
for (const [what, change] of unlike) {
  test(`a foreign VXLAN device with ${what} is no candidate for adoption, and one of ours is made anew`, () => {
    const vxlan = { ...tunnel, ...change };
    const plan = planLink(view(link({ alias: undefined, vxlan })), desired);
    assert.ok(plan.kind === 'conflict' && plan.code === 'LinkConflict');
    assert.ok(plan.reason.includes(what), plan.reason);
    assert.equal(planLink(view(link({ alias: ours, vxlan })), desired).kind, 'replace');
  });
}

test("a foreign VXLAN device whose local address is the pod's own is adopted", () => {
  const vxlan = { ...tunnel, local: desired.vtep };
  assert.equal(planLink(view(link({ alias: undefined, vxlan })), desired).kind, 'adopt');
});

const anyLink = fc.record({
  name: fc.constantFrom('green', 'blue', TEMPORARY),
  alias: fc.constantFrom(
    undefined,
    'mine',
    ours,
    `${ours}:adopted`,
    aliasFor({ podUid: 'x', generation: 1, adopted: false }),
  ),
  vni: fc.constantFrom(7, 8),
  up: fc.boolean(),
  mtu: fc.constantFrom(1450, 1400),
  cidrs: fc.subarray(['10.1.0.2/24', '10.1.0.9/24']),
});
const anyView = fc.uniqueArray(anyLink, { selector: ({ name }) => name, maxLength: 3 }).map((links) =>
  view(
    ...links.map(({ vni, cidrs, ...rest }) =>
      link({
        ...rest,
        vxlan: { vni, dstPort: 8472, parent: 'eth0', family: 4, learning: false },
        addresses: cidrs.map((cidr) => ({ cidr, family: 4, linkLocal: false })),
      }),
    ),
  ),
);

test('whatever there is, an attach never removes, renames or readdresses a link that is not ours', () => {
  fc.assert(
    fc.property(anyView, (seen) => {
      for (const command of commands(planLink(seen, desired))) {
        if (command.name === TEMPORARY) continue;
        const target = seen.links.find(({ name }) => name === command.name);
        if (target === undefined) continue;
        assert.equal(target.name, 'green');
        if (command.op === 'remove-link') assert.equal(ownerOf(target.alias)?.podUid, UID);
        if (command.op === 'remove-address') assert.equal(target.alias, ours);
      }
    }),
  );
});

test('whatever there is, a removal takes only our own link and leftovers, and gives adopted ones back when undoing', () => {
  fc.assert(
    fc.property(anyView, fc.boolean(), (seen, giveBackAdopted) => {
      const plan = planRemoval(seen, {
        podUid: UID,
        interfaceName: 'green',
        temporaryName: TEMPORARY,
        giveBackAdopted,
      });
      const green = seen.links.find(({ name }) => name === 'green');
      const owner = ownerOf(green?.alias);
      const removes = plan.commands.some(({ op, name }) => op === 'remove-link' && name === 'green');
      assert.equal(removes, owner?.podUid === UID && !(owner.adopted && giveBackAdopted));
      assert.ok(plan.commands.every(({ name }) => name === 'green' || name === TEMPORARY));
    }),
  );
});

test("a removal finds our own link by its index under another name, and leaves alone what has its name or another pod's alias", () => {
  const removal = { podUid: UID, interfaceName: 'green', ifindex: 7, temporaryName: TEMPORARY, giveBackAdopted: false };
  const plan = (...links: LinkView[]) => planRemoval({ links, routes: [] }, removal);
  const renamed = link({ name: 'blue', ifindex: 7, alias: ours });
  const standIn = link({ name: 'green', ifindex: 8 });
  const gone = { outcome: 'removed', commands: [{ op: 'remove-link', name: 'blue' }] };
  assert.deepEqual(plan(renamed), gone);
  assert.deepEqual(plan(standIn, renamed), gone);
  assert.deepEqual(plan({ ...renamed, alias: 'podwire:another:1' }, standIn), { outcome: 'foreign', commands: [] });
  assert.deepEqual(plan({ ...renamed, ifindex: 9 }), { outcome: 'absent', commands: [] });
});

test("an alias is read back as it was written, and other texts are nobody's", () => {
  const owner = { podUid: UID, generation: 12, adopted: true };
  assert.deepEqual(ownerOf(aliasFor(owner)), owner);
  for (const text of [undefined, '', 'podwire', 'podwire:x', 'podwire:x:y', 'podwire:x:1:other', 'my podwire:x:1']) {
    assert.equal(ownerOf(text), undefined);
  }
});
