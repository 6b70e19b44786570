/** Results of ADD in one version of the specification and another. */
import type { JsonObject } from './attachment.ts';

/**
 * A result in another version: until 0.4.0 each address says its own IP version, from 1.0.0 on none does (SPEC, "Result types"). Fields
 * that an older version does not have stay; readers of that version ignore them.
 *
 * @returns the same object where it has the version
 */
export function resultInVersion(result: JsonObject, version: string): JsonObject {
  if (result['cniVersion'] === version) return result;
  const { ips, ...others } = result;
  const old = version.startsWith('0.');
  const converted = (Array.isArray(ips) ? (ips as readonly JsonObject[]) : []).map(({ version: _, ...ip }) =>
    old ? { version: JSON.stringify(ip['address']).includes(':') ? '6' : '4', ...ip } : ip,
  );
  return { ...others, cniVersion: version, ...(converted.length === 0 ? {} : { ips: converted }) };
}
