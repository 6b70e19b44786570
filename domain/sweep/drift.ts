/** How an attachment's interface differs from what was recorded of it. Pure. */
import { ownerOf } from '../link-alias.ts';
import type { LinkView, NetnsView } from '../link-observation.ts';
import type { AttachmentRecord, LinkResult, VxlanAttachmentRecord } from '../records.ts';
import { unlikeOurs } from '../vxlan-likeness.ts';
import { uidInRuntime } from '../static-pods.ts';

/**
 * What differs, in words; empty when nothing does. Addresses that were added are no drift: a program in the pod may have its own.
 * @param checkFailure what the plugins' CHECK said, if it failed
 */
export function driftOf(record: AttachmentRecord, view: NetnsView, checkFailure?: string): string[] {
  const { result } = record;
  if (record.phase !== 'attached' || result === undefined) return [];
  const link = view.links.find(({ name }) => name === record.interfaceName);
  if (link === undefined) {
    const renamed = renamedLink(record, view);
    return [renamed === undefined ? 'the link is gone' : `the link was renamed to ${renamed.name}`];
  }
  return record.kind === 'vxlan'
    ? vxlanDrift(record, result, link, view)
    : [...linkDrift(result, link, true, sameFamily(4)), ...(checkFailure === undefined ? [] : [checkFailure])];
}

/** Whether a CNI interface differs by its MAC and by nothing else: its plugins, or a program in the pod, know better than podwire does. */
export function onlyMacDiffers(record: AttachmentRecord, view: NetnsView): boolean {
  const { kind, result, interfaceName } = record;
  const link = view.links.find(({ name }) => name === interfaceName);
  if (kind !== 'cni' || result === undefined || link === undefined || link.mac === result.mac) return false;
  return driftOf(record, view).length === 1;
}

/** The attachment's own link under another name. */
export function renamedLink(record: AttachmentRecord, view: NetnsView): LinkView | undefined {
  const { result } = record;
  return view.links.find((link) =>
    record.kind === 'vxlan'
      ? link.ifindex === result?.ifindex && ownerOf(link.alias)?.podUid === uidInRuntime(record)
      : link.ifindex === result?.ifindex && link.mac === result.mac,
  );
}

function vxlanDrift(record: VxlanAttachmentRecord, result: LinkResult, link: LinkView, view: NetnsView): string[] {
  const { link: spec } = record;
  if (ownerOf(link.alias)?.podUid !== uidInRuntime(record)) return ["the link is another one, without podwire's alias"];
  const { vxlan } = link;
  if (vxlan === undefined) return ['the link is no VXLAN device'];
  const routes = new Set(view.routes.map((route) => `${route.destination} ${route.gateway} ${route.link}`));
  const missing = (spec.up ? spec.routes : []).filter(
    (route) => !routes.has(`${route.destination} ${route.gateway} ${link.name}`),
  );
  return [
    ...(vxlan.vni === spec.vni && vxlan.dstPort === spec.dstPort
      ? []
      : [`VNI ${vxlan.vni} port ${vxlan.dstPort} instead of ${spec.vni} port ${spec.dstPort}`]),
    ...(vxlan.learning ? ['it learns addresses'] : []),
    ...unlikeOurs(vxlan, record.vtep).map((what) => `it has ${what}`),
    ...linkDrift(result, link, spec.up, () => true),
    // A link that is down has lost its routes by that.
    ...(link.up ? missing.map(({ destination }) => `route ${destination} is missing`) : []),
  ];
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
    ...(link.mtu === result.mtu ? [] : [`MTU ${link.mtu} instead of ${result.mtu}`]),
    ...missing.map((cidr) => `address ${cidr} is missing`),
  ];
}
