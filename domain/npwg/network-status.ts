/**
 * NPWG's `network-status` annotation (specification 1.3, §5.3): podwire's entries are a projection of its records, merged per entry;
 * those of other runtimes stay as they are.
 */
import { CLUSTER_SCOPE } from '../network-selection.ts';
import type { AttachmentRecord, CniAttachmentRecord, DnsResult, LinkResult } from '../records.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../strict-json.ts';
import type { JsonObject, JsonValue } from '../cni/attachment.ts';

const MAX_STATUS_BYTES = 256 * 1024;

/**
 * @param current the annotation as it stands
 * @param own interfaces podwire's last published status listed as its own
 * @returns the new value; undefined: nothing is to be written
 */
export function mergedNpwgStatus(
  current: string | undefined,
  own: ReadonlySet<string>,
  records: readonly AttachmentRecord[],
): string | undefined {
  const attached = records.flatMap((record) =>
    record.kind === 'cni' && record.dialect === 'npwg' && record.phase === 'attached' && record.result !== undefined
      ? [statusEntry(record, record.result)]
      : [],
  );
  const read = current === undefined ? undefined : parseStrictJson(current, { maxBytes: MAX_STATUS_BYTES });
  const entries = read?.ok === true && isJsonList(read.value) ? read.value : [];
  const names = new Set([...own, ...attached.map((entry) => entry['interface'])]);
  const foreign = entries.filter((entry) => !isJsonObject(entry) || !names.has(interfaceOf(entry)));
  const merged = [...foreign, ...attached];
  // An annotation that is not there and would be empty stays away; one that cannot be read is not replaced by nothing.
  if (merged.length === 0 && (current === undefined || entries.length === 0)) return undefined;
  const text = JSON.stringify(merged);
  return JSON.stringify(entries) === text ? undefined : text;
}

const interfaceOf = (entry: JsonObject): JsonValue => member(entry, 'interface') ?? '';

function statusEntry({ network, interfaceName, cni }: CniAttachmentRecord, result: LinkResult): JsonObject {
  const { mac, mtu, addresses, dns = {}, gateways = [] } = result;
  return {
    name: `${namespaceOf(network.scope)}/${network.name}`,
    interface: interfaceName,
    ips: addresses.map((address) => address.split('/')[0] ?? address),
    mac,
    mtu,
    default: false,
    dns: dnsEntry(dns),
    ...(cni.defaultRoute.length > 0 ? { gateway: cni.defaultRoute } : gateways.length > 0 ? { gateway: gateways } : {}),
  };
}

function dnsEntry({ nameservers, domain, search }: DnsResult): JsonObject {
  return {
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search === undefined ? {} : { search }),
  };
}

/** Undoes `namespaceScope`. */
const namespaceOf = (scope: string): string => (scope === `namespace.${CLUSTER_SCOPE}` ? CLUSTER_SCOPE : scope);
