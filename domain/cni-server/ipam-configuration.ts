/** The configuration of another plugin that has podwire for its addresses: podwire's keys are in its `ipam` section (CNI 1.1, section 4). */
import type { JsonObject } from '../cni/attachment.ts';
import { isJsonObject, member } from '../text/strict-json.ts';
import { readShimKeys, type ShimKeys } from './configuration.ts';
import { CNI_CODES, CniAnswerError } from './pod-cni.ts';

/** @throws CniAnswerError 7 */
export function ipamSection(config: JsonObject): JsonObject {
  const ipam = member(config, 'ipam');
  if (ipam !== undefined && isJsonObject(ipam)) return ipam;
  throw new CniAnswerError(CNI_CODES.invalidConfig, 'the network configuration: ipam is missing; allowed: an object');
}

/** @throws CniAnswerError 7 with every mistake */
export function readIpamShimKeys(config: JsonObject): ShimKeys {
  const ipam = ipamSection(config);
  const own = ['socket', 'logFile', 'timeoutSeconds'].flatMap((key) => {
    const value = member(ipam, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return readShimKeys(Object.fromEntries(own));
}
