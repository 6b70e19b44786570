/** What a result of ADD says that the kernel does not: names servers, gateways. For the status, so it never fails. */
import type { CniFacts, CniResult } from '../../domain/ports/cni-plugins.ts';
import { parseResult } from './result.ts';

/** @param resultText as the last plugin printed it */
export function cniFacts(resultText: string, interfaceName: string): CniFacts {
  let result: CniResult;
  try {
    result = parseResult('', resultText);
  } catch {
    return { gateways: [] };
  }
  const { dns, ips, interfaces } = result;
  const own = ips.filter(
    ({ interface: index }) =>
      index === undefined || interfaces[index]?.name === interfaceName || interfaces.length === 0,
  );
  const gateways = own.flatMap(({ gateway }) => gateway ?? []);
  const hasDns = [dns?.nameservers, dns?.search].some((list) => (list?.length ?? 0) > 0) || dns?.domain !== undefined;
  return { gateways, ...(dns !== undefined && hasDns ? { dns } : {}) };
}
