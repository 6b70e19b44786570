/** From what a netns holds to the commands that make an attachment's link be there once, or be gone. Pure. */
import { announcements, announcementsOnUp } from '../forwarding/announcement.ts';
import { aliasFor, ownerOf } from './link-alias.ts';
import { familyOf, fitsAddresses, MIN_MTU_IPV6, mtuOver } from './link-mtu.ts';
import type { LinkView, NetnsView } from './link-observation.ts';
import type { LinkCommand } from '../ports/link-kernel.ts';
import type { LinkResult } from '../records.ts';
import { unlikeOurs } from './vxlan-likeness.ts';
import type { PortRange, VxlanLinkSpec } from './vxlan.ts';

export interface DesiredLink {
  readonly link: VxlanLinkSpec;
  readonly podUid: string;
  readonly generation: number;
  /** This pod's tunnel address; its family is the tunnel's. */
  readonly vtep: string;
  /** What the other members know it by, once it was attached; absent: the kernel makes one up. */
  readonly mac?: string;
  /**
   * Name under which the link is made: derived from pod and interface, so that the next attempt finds what a crash left.
   * It gets its real name only when it carries our alias (the kernel takes no alias at creation).
   */
  readonly temporaryName: string;
}

type ConflictCode = 'LinkConflict' | 'VniInUse' | 'ParentMissing' | 'KernelBusy' | 'InvalidLink';

export type LinkPlan =
  | { readonly kind: 'same' }
  | { readonly kind: 'conflict'; readonly code: ConflictCode; readonly reason: string }
  | {
      readonly kind: 'create' | 'adopt' | 'replace' | 'adjust';
      readonly before: LinkResult['before'];
      /** Under which name the link is filled with forwarding entries after `prepare`. */
      readonly fillAs: string;
      /** Everything that can be done before the link is up. */
      readonly prepare: readonly LinkCommand[];
      /** The link goes up in this plan: router advertisements have to be refused before. */
      readonly ignoreRouterAdvertisements: boolean;
      readonly activate: readonly LinkCommand[];
    };

/** Decides how to make the desired link; looks at every link of the netns, changes only ours. */
export function planLink(view: NetnsView, desired: DesiredLink): LinkPlan {
  const spec = desired.link;
  const parent = view.links.find((link) => link.name === spec.parent);
  if (parent === undefined) {
    return conflict(
      'ParentMissing',
      `link ${spec.parent} is not there to carry ${spec.interfaceName}; links: ${names(view)}`,
    );
  }
  const mtu = mtuOver(parent, spec, desired.vtep);
  if (!fitsAddresses(mtu, spec)) {
    return conflict(
      'InvalidLink',
      `mtu ${mtu} of ${spec.interfaceName} is too small for its IPv6 address; allowed: ${MIN_MTU_IPV6} and more`,
    );
  }
  const present = view.links.find((link) => link.name === spec.interfaceName);
  return present === undefined ? planCreation(view, desired, mtu) : planPresent(view, present, desired, mtu);
}

function planCreation(view: NetnsView, desired: DesiredLink, mtu: number): LinkPlan {
  return (
    vniConflict(view, desired, undefined) ??
    build('create', 'absent', leftovers(view, desired), creation(desired, mtu, undefined))
  );
}

function planPresent(view: NetnsView, present: LinkView, desired: DesiredLink, mtu: number): LinkPlan {
  const sweep = leftovers(view, desired);
  const found = ownerOf(present.alias);
  const owner = found?.podUid === desired.podUid ? found : undefined;
  if (!carries(present, desired)) {
    if (owner === undefined) {
      return conflict(
        'LinkConflict',
        `${desired.link.interfaceName} exists and is not ours: ${describe(present, desired.vtep)}; remove it or choose another name=`,
      );
    }
    return vniConflict(view, desired, present) ?? build('replace', 'ours', sweep, creation(desired, mtu, present));
  }
  const adopted = owner?.adopted ?? true;
  const steps = adjustment(view, present, desired, mtu, adopted);
  if (sweep.length + steps.prepare.length + steps.activate.length === 0) return { kind: 'same' };
  // A link of this very generation is what an earlier attempt of the same attach made.
  const own = owner?.generation === desired.generation ? 'absent' : 'ours';
  return build(owner === undefined ? 'adopt' : 'adjust', adopted ? 'foreign-compatible' : own, sweep, steps);
}

/** What a crash left under the temporary name. */
function leftovers(view: NetnsView, desired: DesiredLink): LinkCommand[] {
  return view.links
    .filter((link) => link.name === desired.temporaryName)
    .map((link) => ({ op: 'remove-link', name: link.name }));
}

interface Steps {
  readonly fillAs: string;
  readonly prepare: readonly LinkCommand[];
  readonly ignoreRouterAdvertisements: boolean;
  readonly activate: readonly LinkCommand[];
}

function build(
  kind: 'create' | 'adopt' | 'replace' | 'adjust',
  before: LinkResult['before'],
  sweep: readonly LinkCommand[],
  steps: Steps,
): LinkPlan {
  return { kind, before, ...steps, prepare: [...sweep, ...steps.prepare] };
}

/** A new device under its temporary name; beside an `old` one it is filled there, and takes its place at the last moment. */
function creation(desired: DesiredLink, mtu: number, old: LinkView | undefined): Steps {
  const { link: spec, temporaryName: name } = desired;
  const removeOld: LinkCommand[] = old === undefined ? [] : [{ op: 'remove-link', name: old.name }];
  // Two devices of one VNI and port cannot be in a netns, so an old one with the same must go first.
  const removeFirst = old?.vxlan?.vni === spec.vni && old.vxlan.dstPort === spec.dstPort;
  const swaps = old !== undefined && !removeFirst;
  const rename: LinkCommand = { op: 'rename', name, to: spec.interfaceName };
  return {
    prepare: [
      ...(removeFirst ? removeOld : []),
      {
        op: 'add-vxlan',
        name,
        vni: spec.vni,
        dstPort: spec.dstPort,
        ...(spec.srcPorts === undefined ? {} : { srcPorts: spec.srcPorts }),
        parent: spec.parent,
        mtu,
        ...(familyOf(desired.vtep) === 6 ? { local: desired.vtep } : {}),
        ...(desired.mac === undefined ? {} : { mac: desired.mac }),
      },
      {
        op: 'set-alias',
        name,
        alias: aliasFor({ podUid: desired.podUid, generation: desired.generation, adopted: false }),
      },
      ...spec.addresses.map((cidr): LinkCommand => ({ op: 'add-address', name, cidr })),
      ...(swaps ? [] : [rename]),
    ],
    fillAs: swaps ? name : spec.interfaceName,
    ignoreRouterAdvertisements: true,
    activate: [...(swaps ? [...removeOld, rename] : []), ...activation(spec)],
  };
}

/** Routes need a link that is up; on one that is to stay down there are none. */
function activation(spec: VxlanLinkSpec): LinkCommand[] {
  if (!spec.up) return [];
  const { interfaceName, addresses, routes } = spec;
  return [
    { op: 'set-up', name: interfaceName },
    ...routes.map((route) => addRoute(spec, route)),
    ...announcementsOnUp(interfaceName, addresses),
  ];
}

const addRoute = (spec: VxlanLinkSpec, route: { destination: string; gateway: string }): LinkCommand => ({
  op: 'add-route',
  name: spec.interfaceName,
  destination: route.destination,
  gateway: route.gateway,
});

/** Only differences. On an adopted link nothing is taken away: somebody else may rely on it. */
function adjustment(view: NetnsView, present: LinkView, desired: DesiredLink, mtu: number, adopted: boolean): Steps {
  const { link: spec, podUid, generation } = desired;
  const name = spec.interfaceName;
  const alias = aliasFor({ podUid, generation, adopted });
  const prepare: LinkCommand[] = [];
  if (present.alias !== alias) prepare.push({ op: 'set-alias', name, alias });
  if (!adopted) prepare.push(...macChange(present, desired));
  if (present.mtu !== mtu) prepare.push({ op: 'set-mtu', name, mtu });
  if (present.vxlan?.learning === true) prepare.push({ op: 'set-nolearning', name });
  prepare.push(...addressChanges(present, spec, adopted));
  const goesUp = spec.up && !present.up;
  return {
    prepare,
    fillAs: name,
    ignoreRouterAdvertisements: goesUp,
    activate: [
      ...stateChange(present, spec, adopted),
      ...routeChanges(view, present, spec, adopted),
      ...announced(present, desired, prepare),
    ],
  };
}

/** What the link's neighbours have to be told after these changes, if it is up then. */
function announced(
  present: LinkView,
  { link: spec, mac }: DesiredLink,
  changes: readonly LinkCommand[],
): LinkCommand[] {
  if (!spec.up) return [];
  if (!present.up) return announcementsOnUp(present.name, spec.addresses);
  const added = changes.flatMap((change) => (change.op === 'add-address' ? [change.cidr] : []));
  if (!changes.some(({ op }) => op === 'set-mac')) return announcements(present.name, present.mac, added);
  return announcements(present.name, mac ?? present.mac, spec.addresses);
}

const macChange = ({ mac, name }: LinkView, desired: DesiredLink): LinkCommand[] =>
  desired.mac === undefined || desired.mac === mac ? [] : [{ op: 'set-mac', name, mac: desired.mac }];

function addressChanges({ name, addresses }: LinkView, spec: VxlanLinkSpec, adopted: boolean): LinkCommand[] {
  const have = new Set(addresses.map(({ cidr }) => cidr));
  const want = new Set(spec.addresses);
  const extra = adopted ? [] : addresses.filter(({ cidr, linkLocal }) => !linkLocal && !want.has(cidr));
  return [
    ...extra.map(({ cidr }): LinkCommand => ({ op: 'remove-address', name, cidr })),
    ...[...want].filter((cidr) => !have.has(cidr)).map((cidr): LinkCommand => ({ op: 'add-address', name, cidr })),
  ];
}

function stateChange(present: LinkView, spec: VxlanLinkSpec, adopted: boolean): LinkCommand[] {
  if (spec.up && !present.up) return [{ op: 'set-up', name: spec.interfaceName }];
  if (!spec.up && present.up && !adopted) return [{ op: 'set-down', name: spec.interfaceName }];
  return [];
}

function routeChanges(view: NetnsView, present: LinkView, spec: VxlanLinkSpec, adopted: boolean): LinkCommand[] {
  const key = (route: { destination: string; gateway: string }): string => `${route.destination} ${route.gateway}`;
  const ours = view.routes.filter((route) => route.link === present.name);
  // A link that is set down loses its routes by itself; one that goes up starts without them.
  const wanted = spec.up ? spec.routes : [];
  const wantedKeys = new Set(wanted.map(key));
  // A route that somebody else made before podwire came, the original for example, does as well; it is not ours to remove.
  const haveKeys = new Set(ours.map(key));
  const removed =
    !spec.up && !adopted ? [] : ours.filter((route) => route.foreign !== true && !wantedKeys.has(key(route)));
  return [
    ...removed.map((route): LinkCommand => ({
      op: 'remove-route',
      name: present.name,
      destination: route.destination,
      gateway: route.gateway,
    })),
    ...wanted.filter((route) => !haveKeys.has(key(route))).map((route) => addRoute(spec, route)),
  ];
}

/** The kernel refuses a second device with the VNI and port of another one; say whose it is instead of trying. */
function vniConflict(view: NetnsView, desired: DesiredLink, old: LinkView | undefined): LinkPlan | undefined {
  const { vni, dstPort } = desired.link;
  const holder = view.links.find(
    (link) =>
      link.vxlan?.vni === vni &&
      link.vxlan.dstPort === dstPort &&
      link.vxlan.family === familyOf(desired.vtep) &&
      link.name !== desired.temporaryName &&
      link.name !== old?.name,
  );
  if (holder === undefined) return undefined;
  if (ownerOf(holder.alias)?.podUid === desired.podUid) {
    return conflict(
      'KernelBusy',
      `VNI ${vni} port ${dstPort} is still held by our ${holder.name}, which is being removed`,
    );
  }
  return conflict(
    'VniInUse',
    `VNI ${vni} port ${dstPort} is taken in this pod by ${describe(holder, desired.vtep)}; choose another id=`,
  );
}

function carries(link: LinkView, desired: DesiredLink): boolean {
  const { vxlan } = link;
  return (
    vxlan !== undefined &&
    vxlan.vni === desired.link.vni &&
    vxlan.dstPort === desired.link.dstPort &&
    hasPorts(vxlan.srcPorts, desired.link.srcPorts) &&
    vxlan.parent === desired.link.parent &&
    vxlan.family === familyOf(desired.vtep) &&
    unlikeOurs(vxlan, desired.vtep).length === 0
  );
}

/** Ports that nobody asked for are whatever they are: the kernel's choice, or somebody else's. */
const hasPorts = (have: PortRange | undefined, want: PortRange | undefined): boolean =>
  want === undefined || (have?.first === want.first && have.last === want.last);

const conflict = (code: ConflictCode, reason: string): LinkPlan => ({ kind: 'conflict', code, reason });

const names = (view: NetnsView): string => view.links.map((link) => link.name).join(', ');

/** One line for people: what is there. */
function describe(link: LinkView, vtep: string): string {
  if (link.vxlan === undefined) return `${link.name} (${link.kind ?? 'physical'})`;
  const { vni, dstPort, parent } = link.vxlan;
  const what = [`VNI ${vni}`, `port ${dstPort}`, `over ${parent ?? 'nothing'}`, ...unlikeOurs(link.vxlan, vtep)];
  return `${link.name} (vxlan, ${what.join(', ')})`;
}
