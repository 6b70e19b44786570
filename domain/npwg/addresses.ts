/** Lists of addresses in an NPWG selection: `ips` and `default-route`. */
import type { JsonValue } from '../cni/attachment.ts';
import { shown } from '../text/shown.ts';
import { read, refused, type Reading } from '../openvnf/reading.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import { isJsonList } from '../text/strict-json.ts';

const MAX_ADDRESSES = 16;
/** Longer than any address with prefix length. */
const LONGEST = 64;
const NOT_UNICAST = ['multicast', 'loopback', 'unspecified', 'broadcast', 'invalid'];

/** Canonical unicast addresses, with prefix length where one was written, in the order written. */
export function readIps(value: JsonValue, ip: IpCodec): Reading<readonly string[]> {
  return readList(value, (text) => {
    const cidr = ip.cidr(text);
    const address = cidr?.address ?? ip.address(text)?.canonical;
    if (address === undefined) return refused(`holds ${shown(text)}, which is no address`);
    if (NOT_UNICAST.includes(ip.range(address))) return refused(`holds ${shown(text)}, which is no unicast address`);
    if (cidr?.prefix === 0) return refused(`holds ${shown(text)}, which has prefix length 0`);
    return read(cidr?.canonical ?? address);
  });
}

/** Canonical unicast addresses of gateways, at most one for each family; an empty list asks for none (NPWG 1.3, section 4.1.2.1.9). */
export function readGateways(value: JsonValue, ip: IpCodec): Reading<readonly string[]> {
  if (isJsonList(value) && value.length === 0) return read([]);
  const families = new Set<4 | 6>();
  return readList(value, (text) => {
    const address = ip.address(text);
    if (address === undefined) return refused(`holds ${shown(text)}, which is no address`);
    if (NOT_UNICAST.includes(ip.range(address.canonical))) {
      return refused(`holds ${shown(text)}, which is no unicast address`);
    }
    if (families.has(address.family)) return refused(`holds two IPv${address.family} gateways`);
    families.add(address.family);
    return read(address.canonical);
  });
}

function readList(value: JsonValue, readOne: (text: string) => Reading<string>): Reading<readonly string[]> {
  if (!isJsonList(value)) return refused('is no list');
  if (value.length === 0) return refused('is empty');
  if (value.length > MAX_ADDRESSES) return refused(`holds more than ${MAX_ADDRESSES} addresses`);
  const found: string[] = [];
  for (const item of value) {
    if (typeof item !== 'string' || item.length > LONGEST) return refused('holds something that is no address');
    const one = readOne(item);
    if (!one.ok) return one;
    if (found.includes(one.value)) return refused(`holds ${shown(one.value)} twice`);
    found.push(one.value);
  }
  return read(found);
}
