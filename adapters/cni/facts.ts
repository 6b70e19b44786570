/** What a result of ADD says that the kernel does not: name servers, gateways, other interfaces. For the status, so it never fails. */
import { addressOf } from '../../domain/text/cidr.ts';
import type { CniFacts, CniResult } from '../../domain/ports/cni-plugins.ts';
import { ipCodec } from '../ip/ip-codec.ts';
import { parseResult } from './result.ts';

/** @param resultText as the last plugin printed it */
export function cniFacts(resultText: string, interfaceName: string): CniFacts {
  let result: CniResult;
  try {
    result = parseResult('', resultText);
  } catch {
    return { gateways: [], others: [] };
  }
  const { dns } = result;
  const inPod = result.interfaces.flatMap((found, index) => (found.sandbox === undefined ? [] : [{ ...found, index }]));
  const isMisnamed = inPod.length > 0 && !inPod.some(({ name }) => name === interfaceName);
  const asked = inPod.find(({ name }) => name === interfaceName);
  const hasDns = [dns?.nameservers, dns?.search].some((list) => (list?.length ?? 0) > 0) || dns?.domain !== undefined;
  return {
    ...(asked === undefined ? {} : ownFacts(asked, result)),
    gateways: [...new Set(result.routes.flatMap((route) => gatewaysOf(route, result, interfaceName)))],
    others: inPod
      .filter(({ name }) => name !== interfaceName)
      .map(({ name, mac, index }) => ({
        interfaceName: name,
        ...(mac === undefined ? {} : { mac }),
        addresses: addressesAt(index, result),
      })),
    ...(dns !== undefined && hasDns ? { dns } : {}),
    ...(isMisnamed ? { misnamed: misnamed(inPod[0]?.name ?? '', interfaceName) } : {}),
  };
}

const ownFacts = (
  { mac, index }: { readonly mac?: string; readonly index: number },
  result: CniResult,
): Pick<CniFacts, 'mac' | 'addresses'> => ({
  ...(mac === undefined ? {} : { mac }),
  addresses: addressesAt(index, result),
});

const addressesAt = (index: number, { ips }: CniResult): string[] =>
  ips.filter((ip) => ip.interface === index).map(({ address }) => address);

/** Of a default route; without one of its own that of the interface's addresses, as plugins take it (CNI SPEC 1.1, section 5). */
function gatewaysOf(
  { dst, gw }: CniResult['routes'][number],
  { ips, interfaces }: CniResult,
  interfaceName: string,
): string[] {
  const destination = dst === undefined ? undefined : ipCodec.cidr(dst);
  if (destination !== undefined && destination.prefix !== 0) return [];
  if (gw !== undefined) return [gw];
  return ips
    .filter(({ interface: index }) => index === undefined || interfaces[index]?.name === interfaceName)
    .filter(({ address }) => ipCodec.address(addressOf(address))?.family === destination?.family)
    .flatMap(({ gateway }) => gateway ?? [])
    .slice(0, 1);
}

const misnamed = (reported: string, asked: string): string =>
  `its plugins report ${reported} as the interface in the pod, and not ${asked}, which is there; the status lists both`;
