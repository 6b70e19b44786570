/** What the plugins before podwire's in a chain have made (CNI 1.1, section 5, "Result Types": ADD Success). */

import type { IpCodec } from '../ports/ip-codec.ts';

/**
 * Addresses of the pod's own interface, without prefix lengths, in the order in which containerd tells the kubelet of them: IPv4 first, unless it
 * is configured otherwise. The first one is the pod's.
 * @param ifName `CNI_IFNAME`
 */
export function podAddresses(
  prevResult: Readonly<Record<string, unknown>>,
  ifName: string,
  ip: Pick<IpCodec, 'address'>,
): readonly string[] {
  const interfaces = list(prevResult['interfaces']);
  const isPods = (index: unknown): boolean => {
    const { name, sandbox } = interfaces[Number(index)] ?? {};
    return name === ifName && typeof sandbox === 'string' && sandbox !== '';
  };
  const found = list(prevResult['ips'])
    .filter((each) => each['interface'] === undefined || isPods(each['interface']))
    .flatMap((each) => ip.address(String(each['address']).split('/')[0] ?? '') ?? []);
  return [4, 6].flatMap((family) => found.filter((each) => each.family === family).map(({ canonical }) => canonical));
}

const list = (value: unknown): Readonly<Record<string, unknown>>[] =>
  Array.isArray(value)
    ? value.filter((each): each is Record<string, unknown> => typeof each === 'object' && each !== null)
    : [];
