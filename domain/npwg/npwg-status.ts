/**
 * NPWG's `network-status` annotation (specification 1.3, §5.3): podwire's entries are a projection of its records, merged per entry;
 * those of other runtimes stay as they are.
 */
import { addressOf } from '../text/cidr.ts';
import { CLUSTER_SCOPE } from '../network-selection.ts';
import { dialectOf, namedNetwork, type AttachmentRecord, type DnsResult, type LinkResult } from '../records.ts';
import { isJsonObject, member } from '../text/strict-json.ts';
import type { CniAttachmentSpec, JsonObject } from '../cni/attachment.ts';
import { recordedLinks, type OwnLink } from '../status/podwire-status.ts';
import { statusEntries } from '../status/status-entries.ts';
import { isOwnEntry, isPodsOwn, PODS_OWN, textOf } from './own-entry.ts';

/**
 * @param current the annotation as it stands
 * @param own podwire's links beside those recorded now: of its last published status, of earlier records
 * @param podIPs the pod's addresses in its own network
 * @returns the new value; undefined: nothing is to be written
 */
export function mergedNpwgStatus(
  current: string | undefined,
  own: readonly OwnLink[],
  records: readonly AttachmentRecord[],
  podIPs: readonly string[] = [],
): string | undefined {
  const entries = statusEntries(current);
  const links = [...own, ...recordedLinks(records)];
  const foreign = entries.filter((entry) => !isJsonObject(entry) || !(isOwnEntry(entry, links) || isPodsOwn(entry)));
  // What is recorded under the interface of another runtime is of an earlier sandbox.
  const taken = new Set(foreign.filter(isJsonObject).map((entry) => textOf(entry, 'interface')));
  const attached = records.flatMap((record) =>
    dialectOf(record) === 'npwg' &&
    // What is being removed is there until its record is gone.
    record.phase !== 'intent' &&
    record.result !== undefined &&
    !taken.has(record.interfaceName)
      ? [statusEntry(record, record.result), ...otherEntries(record, record.result)]
      : [],
  );
  const hasDefault = foreign.some((entry) => isJsonObject(entry) && member(entry, 'default') === true);
  const podsOwn = hasDefault || attached.length === 0 || podIPs.length === 0 ? [] : [podsOwnEntry(podIPs)];
  const merged = [...podsOwn, ...foreign, ...attached];
  // An annotation that is not there and would be empty stays away; one that cannot be read is not replaced by nothing.
  if (merged.length === 0 && (current === undefined || entries.length === 0)) return undefined;
  const text = JSON.stringify(merged);
  return JSON.stringify(entries) === text ? undefined : text;
}

function statusEntry(record: AttachmentRecord, result: LinkResult): JsonObject {
  const { mac, mtu, addresses, dns = {}, gateways = [] } = result;
  return {
    name: definitionText(record),
    interface: record.interfaceName,
    ips: addresses.map(addressOf),
    mac,
    mtu,
    default: false,
    dns: dnsEntry(dns),
    ...(record.kind === 'cni' ? gatewayEntry(record.cni, gateways) : {}),
  };
}

function gatewayEntry({ defaultRoute, noDefaultRoute }: CniAttachmentSpec, gateways: readonly string[]): JsonObject {
  if (defaultRoute.length > 0) return { gateway: defaultRoute, 'default-route': defaultRoute };
  return noDefaultRoute === true || gateways.length === 0 ? {} : { gateway: gateways };
}

const otherEntries = (record: AttachmentRecord, { others = [] }: LinkResult): JsonObject[] =>
  others.map(({ interfaceName, mac, addresses }) => ({
    name: definitionText(record),
    interface: interfaceName,
    ips: addresses.map(addressOf),
    ...(mac === undefined ? {} : { mac }),
    default: false,
    dns: {},
  }));

/** The network that the container runtime gave the pod, where no other runtime lists it. */
const podsOwnEntry = (podIPs: readonly string[]): JsonObject => ({ ...PODS_OWN, ips: podIPs, default: true, dns: {} });

function dnsEntry({ nameservers, domain, search }: DnsResult): JsonObject {
  return {
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search === undefined ? {} : { search }),
  };
}

/** `namespace/name` of the NetworkAttachmentDefinition. */
function definitionText(record: AttachmentRecord): string {
  const { scope, name } = namedNetwork(record);
  return `${namespaceOf(scope)}/${name}`;
}

/** Undoes `namespaceScope`. */
const namespaceOf = (scope: string): string => (scope === `namespace.${CLUSTER_SCOPE}` ? CLUSTER_SCOPE : scope);
