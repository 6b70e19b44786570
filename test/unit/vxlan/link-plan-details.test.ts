/** What of a link's plan depends on one field alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aliasFor } from '../../../domain/vxlan/link-alias.ts';
import type { LinkView, NetnsView, VxlanView } from '../../../domain/vxlan/link-observation.ts';
import { planLink, type LinkPlan, type DesiredLink } from '../../../domain/vxlan/link-plan.ts';
import type { LinkCommand } from '../../../domain/ports/link-kernel.ts';
import type { VxlanLinkSpec } from '../../../domain/vxlan/vxlan.ts';

const UID = '0c7fdd2e-1111-4222-8333-444455556666';
const TEMPORARY = 'pw0123456789ab';
const MAC = '02:00:00:00:00:01';
const TUNNEL: VxlanView = { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: false };
const ROUTE = { destination: '10.2.0.0/16', gateway: '10.1.0.1' };

const link = (change: Partial<LinkView> = {}): LinkView => ({
  ...{ ifindex: 5, name: 'green', mac: MAC, mtu: 1450, up: true, alias: ours(), kind: 'vxlan', vxlan: TUNNEL },
  addresses: [{ cidr: '10.1.0.2/24', family: 4, linkLocal: false }],
  ...change,
});
const ours = (generation = 3, adopted = false): string => aliasFor({ podUid: UID, generation, adopted });
const parent = link({ ifindex: 2, name: 'eth0', mtu: 1500, kind: 'veth', vxlan: undefined, alias: undefined });
const view = (links: readonly LinkView[], routes: NetnsView['routes'] = []): NetnsView => ({
  links: [parent, ...links],
  routes,
});
const desired = (spec: Partial<VxlanLinkSpec> = {}, change: Partial<DesiredLink> = {}): DesiredLink => ({
  link: {
    ...{ kind: 'vxlan', interfaceName: 'green', vni: 7, dstPort: 8472, parent: 'eth0', up: true },
    ...{ addresses: ['10.1.0.2/24'], routes: [], peers: [] },
    ...spec,
  },
  ...{ podUid: UID, generation: 3, vtep: '10.244.1.5', temporaryName: TEMPORARY },
  ...change,
});

function made(plan: LinkPlan): Extract<LinkPlan, { prepare: unknown }> {
  assert.ok('prepare' in plan, JSON.stringify(plan));
  return plan;
}
const changes = (plan: LinkPlan): readonly LinkCommand[] =>
  plan.kind === 'same' ? [] : [...made(plan).prepare, ...made(plan).activate];
const reason = (plan: LinkPlan): string => (plan.kind === 'conflict' ? `${plan.code}: ${plan.reason}` : plan.kind);

describe('a new link', () => {
  const added = (desired: DesiredLink): LinkCommand | undefined => changes(planLink(view([]), desired))[0];
  const plain = { op: 'add-vxlan', name: TEMPORARY, vni: 7, dstPort: 8472, parent: 'eth0', mtu: 1450 };

  it('has what was asked for and nothing else', () => {
    assert.deepEqual(added(desired()), plain);
    const srcPorts = { first: 20000, last: 30000 };
    assert.deepEqual(added(desired({ srcPorts })), { ...plain, srcPorts });
    assert.deepEqual(added(desired({}, { mac: MAC })), { ...plain, mac: MAC });
    assert.deepEqual(added(desired({ mtu: 1300 })), { ...plain, mtu: 1300 });
  });

  it('over IPv6 sends from the tunnel address and leaves 70 bytes for the tunnel', () => {
    assert.deepEqual(added(desired({}, { vtep: 'fd00::5' })), { ...plain, mtu: 1430, local: 'fd00::5' });
  });

  it('carries the alias of its generation, not adopted, and is filled under its real name', () => {
    const plan = made(planLink(view([]), desired()));
    assert.ok(plan.prepare.some((command) => command.op === 'set-alias' && command.alias === ours()));
    assert.deepEqual([plan.before, plan.fillAs, plan.ignoreRouterAdvertisements], ['absent', 'green', true]);
  });

  it('that is to stay down is not set up and has no routes', () => {
    assert.deepEqual(made(planLink(view([]), desired({ up: false, routes: [ROUTE] }))).activate, []);
  });

  it('needs its parent, and is told which links there are', () => {
    assert.match(
      reason(planLink({ links: [link({ name: 'lo' })], routes: [] }, desired())),
      /^ParentMissing: .*links: lo$/,
    );
  });

  it('with an IPv6 address has an MTU of at least 1280', () => {
    const addresses = ['10.1.0.2/24', 'fd00:1::2/64'];
    assert.match(reason(planLink(view([]), desired({ addresses, mtu: 1279 }))), /^InvalidLink: mtu 1279/);
    assert.match(reason(planLink(view([]), desired({ addresses, mtu: 1279 }))), /allowed: 1280 and more$/);
    assert.equal(reason(planLink(view([]), desired({ addresses, mtu: 1280 }))), 'create');
    assert.equal(reason(planLink(view([]), desired({ mtu: 1000 }))), 'create');
  });
});

describe('a VNI and port that another link of the pod has', () => {
  const other = (change: Partial<VxlanView> = {}, alias?: string): LinkView =>
    link({ name: 'blue', alias, vxlan: { ...TUNNEL, ...change } });

  it('are refused with whose they are', () => {
    assert.match(
      reason(planLink(view([other()]), desired())),
      /^VniInUse: .*blue \(vxlan, VNI 7, port 8472, over eth0\)/,
    );
    assert.match(reason(planLink(view([other({ parent: undefined })]), desired())), /over nothing\)/);
    assert.match(reason(planLink(view([other({}, ours())]), desired())), /^KernelBusy: .*our blue/);
  });

  it('are free for another port, VNI or family', () => {
    for (const change of [{ dstPort: 4789 }, { vni: 8 }, { family: 6 as const }])
      assert.equal(reason(planLink(view([other(change)]), desired())), 'create');
  });

  it('are refused to a link of ours that would get them', () => {
    const green = link({ vxlan: { ...TUNNEL, vni: 8 } });
    assert.match(reason(planLink(view([green, other()]), desired())), /^VniInUse/);
  });
});

describe('a link in the way', () => {
  it('is named with its kind', () => {
    const inTheWay = (kind: string | undefined) =>
      reason(planLink(view([link({ alias: undefined, kind, vxlan: undefined })]), desired()));
    assert.match(inTheWay('veth'), /^LinkConflict: .*green \(veth\)/);
    assert.match(inTheWay(undefined), /green \(physical\)/);
  });
});

describe('a link of ours that cannot be changed', () => {
  const replaced = (change: Partial<VxlanView>, spec: Partial<VxlanLinkSpec> = {}) =>
    made(planLink(view([link({ vxlan: { ...TUNNEL, ...change } })]), desired(spec)));

  it('goes first where the new one has its VNI and port', () => {
    const plan = replaced({ parent: 'eth1' });
    assert.deepEqual(
      [...plan.prepare, ...plan.activate].map(({ op }) => op),
      ['remove-link', 'add-vxlan', 'set-alias', 'add-address', 'rename', 'set-up', 'announce'],
    );
    assert.deepEqual([plan.kind, plan.before, plan.fillAs], ['replace', 'ours', 'green']);
  });

  it('stays until the new one is filled where VNI or port differ', () => {
    for (const change of [{ dstPort: 4789 }, { vni: 8 }]) {
      const plan = replaced(change);
      assert.equal(plan.fillAs, TEMPORARY);
      assert.deepEqual(
        plan.activate.slice(0, 2).map(({ op }) => op),
        ['remove-link', 'rename'],
      );
    }
  });

  it('is one of another family, or of other source ports than were asked for', () => {
    assert.equal(replaced({ family: 6 }).kind, 'replace');
    const srcPorts = { first: 20000, last: 30000 };
    assert.equal(replaced({}, { srcPorts }).kind, 'replace');
    assert.equal(replaced({ srcPorts: { first: 20000, last: 29999 } }, { srcPorts }).kind, 'replace');
    assert.equal(replaced({ srcPorts: { first: 20001, last: 30000 } }, { srcPorts }).kind, 'replace');
  });

  it('is none that has the source ports asked for, or any when none are', () => {
    const srcPorts = { first: 20000, last: 30000 };
    const present = view([link({ vxlan: { ...TUNNEL, srcPorts } })]);
    assert.equal(reason(planLink(present, desired({ srcPorts }))), 'same');
    assert.equal(reason(planLink(present, desired())), 'same');
  });
});

describe('a link that is adjusted', () => {
  const adjusted = (present: Partial<LinkView>, spec: Partial<VxlanLinkSpec> = {}, change: Partial<DesiredLink> = {}) =>
    planLink(view([link(present)]), desired(spec, change));

  it('was absent before if this generation made it, ours if another did, and foreign if it was adopted', () => {
    const before = (alias: string | undefined) => {
      const plan = made(adjusted({ alias, mtu: 1400 }));
      return [plan.kind, plan.before];
    };
    assert.deepEqual(before(ours(3)), ['adjust', 'absent']);
    assert.deepEqual(before(ours(2)), ['adjust', 'ours']);
    assert.deepEqual(before(ours(3, true)), ['adjust', 'foreign-compatible']);
    assert.deepEqual(before(undefined), ['adopt', 'foreign-compatible']);
  });

  it('gets the MTU, and forgets how to learn', () => {
    assert.deepEqual(changes(adjusted({ mtu: 1400 })), [{ op: 'set-mtu', name: 'green', mtu: 1450 }]);
    const learning = { vxlan: { ...TUNNEL, learning: true } };
    assert.deepEqual(changes(adjusted(learning)), [{ op: 'set-nolearning', name: 'green' }]);
  });

  it('refuses router advertisements exactly when it goes up', () => {
    const goesUp = (up: boolean, desiredUp: boolean) =>
      made(adjusted({ up, mtu: 1400 }, { up: desiredUp })).ignoreRouterAdvertisements;
    assert.deepEqual([goesUp(false, true), goesUp(true, true), goesUp(false, false)], [true, false, false]);
  });

  it('goes up with an announcement of all its addresses, and down unless it was adopted', () => {
    const up = [
      { op: 'set-up', name: 'green' },
      { op: 'announce', name: 'green', address: '10.1.0.2' },
    ];
    assert.deepEqual(changes(adjusted({ up: false })), up);
    assert.deepEqual(changes(adjusted({}, { up: false })), [{ op: 'set-down', name: 'green' }]);
    assert.deepEqual(changes(adjusted({ alias: ours(3, true) }, { up: false })), []);
  });

  it('gets the MAC that is wished, which is announced with all addresses', () => {
    const mac = '02:00:00:00:00:99';
    assert.deepEqual(changes(adjusted({}, {}, { mac: MAC })), []);
    const addresses = ['10.1.0.2/24', 'fd00:1::2/64'];
    assert.deepEqual(changes(adjusted({}, { addresses }, { mac })), [
      { op: 'set-mac', name: 'green', mac },
      { op: 'add-address', name: 'green', cidr: 'fd00:1::2/64' },
      { op: 'announce-all', name: 'green', mac },
      { op: 'announce', name: 'green', address: '10.1.0.2' },
    ]);
  });

  it('loses addresses that are not wished, but for link-local ones, and none at all if it was adopted', () => {
    const addresses = [
      { cidr: '10.1.0.2/24', family: 4, linkLocal: false },
      { cidr: '10.1.0.9/24', family: 4, linkLocal: false },
      { cidr: 'fe80::1/64', family: 6, linkLocal: true },
    ] as const;
    const gone = [{ op: 'remove-address', name: 'green', cidr: '10.1.0.9/24' }];
    assert.deepEqual(changes(adjusted({ addresses })), gone);
    assert.deepEqual(changes(adjusted({ addresses, alias: ours(3, true) })), []);
  });
});

describe('routes of a link that is there', () => {
  const stale = { destination: '10.3.0.0/16', gateway: '10.1.0.1', link: 'green' };
  const present = { ...ROUTE, link: 'green' };
  const routed = (routes: NetnsView['routes'], spec: Partial<VxlanLinkSpec> = {}, of: Partial<LinkView> = {}) =>
    changes(planLink(view([link(of)], routes), desired({ routes: [ROUTE], ...spec })));
  const removal = { op: 'remove-route', name: 'green', destination: '10.3.0.0/16', gateway: '10.1.0.1' };
  const addition = { op: 'add-route', name: 'green', ...ROUTE };

  it('are added and removed as they differ, whoever made the one that is wished', () => {
    assert.deepEqual(routed([stale]), [removal, addition]);
    assert.deepEqual(routed([present]), []);
    assert.deepEqual(routed([{ ...present, foreign: true }]), []);
  });

  it('are left alone when they are of another link or somebody else’s', () => {
    assert.deepEqual(routed([present, { ...stale, link: 'blue' }, { ...stale, foreign: true }]), []);
    assert.deepEqual(routed([{ ...present, link: 'blue' }]), [addition]);
  });

  it('are not added to a link that stays down', () => {
    assert.deepEqual(routed([], { up: false }, { up: false }), []);
  });

  it('go with a link that is set down by themselves, and are removed from an adopted one, which stays up', () => {
    assert.deepEqual(routed([present], { up: false }), [{ op: 'set-down', name: 'green' }]);
    const adopted = routed([stale], { up: false, routes: [] }, { alias: ours(3, true) });
    assert.deepEqual(adopted, [removal]);
    assert.deepEqual(routed([stale], {}, { alias: ours(3, true) }), [removal, addition]);
  });
});
