/** How an attachment's interface differs from what was recorded of it. Pure. */
import { findOwnLink, isTakenOver } from '../cni/own-link.ts';
import { ownerOf } from '../vxlan/link-alias.ts';
import { fitsAddresses, mtuOver } from '../vxlan/link-mtu.ts';
import type { LinkView, NetnsView } from '../vxlan/link-observation.ts';
import { linkWith } from '../network-objects/network-pool.ts';
import type {
  AttachmentRecord,
  CniAttachmentRecord,
  LinkBasis,
  LinkResult,
  VxlanAttachmentRecord,
} from '../records.ts';
import { unlikeOurs } from '../vxlan/vxlan-likeness.ts';
import { uidInRuntime } from '../pod/static-pods.ts';

/**
 * What differs, in words; empty when nothing does. Addresses that were added are no drift: a program in the pod may have its own.
 * @param checkFailure what the plugins' CHECK said, if it failed
 */
export function driftOf(record: AttachmentRecord, view: NetnsView, checkFailure?: string): string[] {
  const { result } = record;
  if (record.phase !== 'attached' || result === undefined) return [];
  return record.kind === 'vxlan' ? vxlanDrift(record, result, view) : cniDrift(record, result, view, checkFailure);
}

function cniDrift(
  { interfaceName }: CniAttachmentRecord,
  result: LinkResult,
  view: NetnsView,
  checkFailure: string | undefined,
): string[] {
  const found = findOwnLink(view.links, interfaceName, result);
  const { own, other } = found;
  if (isTakenOver(found)) return [];
  if (own === undefined)
    return [other === undefined ? 'the link is gone' : 'the link is gone, and another one has its name'];
  if (own.name !== interfaceName) return [`the link was renamed to ${own.name}`];
  return [
    ...linkDrift(result, own, true, sameFamily(4)),
    ...(own.mtu === result.mtu ? [] : [`MTU ${own.mtu} instead of ${result.mtu}`]),
    ...(checkFailure === undefined ? [] : [checkFailure]),
  ];
}

/** Whether a program in the pod uses a CNI interface for itself, with another link under its name: that is no drift, whatever it did to it. */
export const isLeftToPod = ({ kind, phase, interfaceName, result }: AttachmentRecord, view: NetnsView): boolean =>
  kind === 'cni' &&
  phase === 'attached' &&
  result !== undefined &&
  isTakenOver(findOwnLink(view.links, interfaceName, result));

/** Whether a CNI interface differs by its MAC and by nothing else: its plugins, or a program in the pod, know better than podwire does. */
export function onlyMacDiffers(record: AttachmentRecord, view: NetnsView): boolean {
  const { kind, result, interfaceName } = record;
  if (kind !== 'cni' || result === undefined) return false;
  const { own } = findOwnLink(view.links, interfaceName, result);
  if (own?.name !== interfaceName || own.mac === result.mac) return false;
  return driftOf(record, view).length === 1;
}

function vxlanDrift(record: VxlanAttachmentRecord, result: LinkResult, view: NetnsView): string[] {
  const { interfaceName } = record;
  const spec = linkWith(record.link, result.given);
  const link = view.links.find(({ name }) => name === interfaceName);
  if (link === undefined) {
    const renamed = view.links.find(
      ({ ifindex, alias }) => ifindex === result.ifindex && ownerOf(alias)?.podUid === uidInRuntime(record),
    );
    return [renamed === undefined ? 'the link is gone' : `the link was renamed to ${renamed.name}`];
  }
  if (ownerOf(link.alias)?.podUid !== uidInRuntime(record)) return ["the link is another one, without podwire's alias"];
  const { vxlan } = link;
  if (vxlan === undefined) return ['the link is no VXLAN device'];
  const routes = new Set(view.routes.map((route) => `${route.destination} ${route.gateway} ${route.link}`));
  const missing = (spec.up ? spec.routes : []).filter(
    (route) => !routes.has(`${route.destination} ${route.gateway} ${link.name}`),
  );
  return [
    ...(record.link.pool !== undefined && result.given === undefined
      ? [`it has no addresses of pool ${record.link.pool.name}`]
      : []),
    ...(vxlan.vni === spec.vni && vxlan.dstPort === spec.dstPort
      ? []
      : [`VNI ${vxlan.vni} port ${vxlan.dstPort} instead of ${spec.vni} port ${spec.dstPort}`]),
    ...(vxlan.learning ? ['it learns addresses'] : []),
    ...unlikeOurs(vxlan, record.vtep).map((what) => `it has ${what}`),
    ...linkDrift(result, link, spec.up, () => true),
    ...mtuDrift({ link: spec, vtep: record.vtep }, result, link, view),
    // A link that is down has lost its routes by that.
    ...(link.up ? missing.map(({ destination }) => `route ${destination} is missing`) : []),
  ];
}

/** A link whose MTU nobody asked for follows its parent's, which may change as long as the pod lives. */
function mtuDrift({ link: spec, vtep }: LinkBasis, { mtu }: LinkResult, link: LinkView, view: NetnsView): string[] {
  const parent = view.links.find(({ name }) => name === spec.parent);
  const left = parent === undefined ? mtu : mtuOver(parent, spec, vtep);
  // What the parent leaves may be too small for the link's addresses: it stays as it was made then.
  const wanted = fitsAddresses(left, spec) ? left : mtu;
  if (link.mtu === wanted) return [];
  const why = wanted === mtu || parent === undefined ? '' : `, since that of ${parent.name} is ${parent.mtu}`;
  return [`MTU ${link.mtu} instead of ${wanted}${why}`];
}

/** Global IPv6 addresses of a CNI interface may be a router's doing and expire; those that are the plugins' are theirs to CHECK. */
const sameFamily =
  (family: 4 | 6) =>
  (cidr: string): boolean =>
    (cidr.includes(':') ? 6 : 4) === family;

function linkDrift(result: LinkResult, link: LinkView, up: boolean, counts: (cidr: string) => boolean): string[] {
  const have = new Set(link.addresses.map(({ cidr }) => cidr));
  const missing = result.addresses.filter((cidr) => counts(cidr) && !have.has(cidr));
  return [
    ...(up && !link.up ? ['the link is down'] : []),
    ...(link.mac === result.mac ? [] : [`MAC ${link.mac} instead of ${result.mac}`]),
    ...missing.map((cidr) => `address ${cidr} is missing`),
  ];
}
