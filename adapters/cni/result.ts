/**
 * Results of ADD, read strictly: shapes of CNI 0.3.0-0.4.0 (an address has a `version`), 1.0.0 and 1.1.0. What a plugin adds of its own
 * is ignored; what has a specified name must have its specified type.
 */
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import { parseStrictJson } from '../../domain/text/strict-json.ts';
import type { JsonObject } from '../../domain/cni/attachment.ts';
import { resultInVersion } from '../../domain/cni/result-version.ts';
import type { CniResult } from '../../domain/ports/cni-plugins.ts';
import { ipCodec } from '../ip/ip-codec.ts';
import { printable } from './printable.ts';

/** Bytes of UTF-8. */
const MAX_RESULT_BYTES = 256 * 1024;
const VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

/** Plugins in Go write empty lists as null. */
const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((list) => list ?? []);
const text = z.string().max(4096);
const optionalText = text.nullish();
const address = text.refine((value) => ipCodec.address(value) !== undefined, 'must be an IP address');
const optionalAddress = z.union([z.literal(''), address]).nullish();
const cidr = text.refine((value) => ipCodec.cidr(value) !== undefined, 'must be an address with a prefix length');

const schema = z.object({
  cniVersion: z.enum(VERSIONS),
  interfaces: listOf(z.object({ name: text.min(1), mac: optionalText, sandbox: optionalText })),
  ips: listOf(z.object({ address: cidr, gateway: optionalAddress, interface: z.number().int().nullish() })),
  routes: listOf(z.object({ dst: z.union([z.literal(''), cidr]).nullish(), gw: optionalAddress })),
  dns: z.object({ nameservers: listOf(text), domain: optionalText, search: listOf(text) }).nullish(),
});

/**
 * Reads what the plugin printed.
 *
 * @param printed standard output of a successful ADD
 * @throws PodwireError CniOutputInvalid, CniResultTooBig
 */
export function parseResult(type: string, printed: string): CniResult {
  const read = schema.safeParse(parseJson(type, printed));
  if (!read.success) {
    const issue = read.error.issues[0];
    const where = issue === undefined || issue.path.length === 0 ? 'the result' : issue.path.map(String).join('.');
    throw invalid(type, `${where}: ${issue?.message ?? 'is malformed'}`, printed);
  }
  const { cniVersion, interfaces, ips, routes, dns } = read.data;
  return {
    text: printed,
    cniVersion,
    interfaces: interfaces.map(({ name, mac, sandbox }) => ({
      name,
      ...given('mac', mac),
      ...given('sandbox', sandbox),
    })),
    ips: ips.map((ip) => ({
      address: ip.address,
      ...given('gateway', ip.gateway),
      // Below 0 it is on none of them.
      ...((ip.interface ?? -1) < 0 ? {} : { interface: ip.interface as number }),
    })),
    routes: routes.map(({ dst, gw }) => ({ ...given('dst', dst), ...given('gw', gw) })),
    ...(dns === undefined || dns === null ? {} : { dns: dnsOf(dns) }),
  };
}

/**
 * A result as the next plugin of the chain must get it: in the configuration's version (SPEC section 3, prevResult). The reference
 * library converts as well; there are plugins that answer in another version than they were asked in.
 */
export const printedInVersion = ({ text }: Pick<CniResult, 'text'>, version: string): JsonObject =>
  resultInVersion(JSON.parse(text) as JsonObject, version);

function dnsOf(dns: NonNullable<z.output<typeof schema>['dns']>): NonNullable<CniResult['dns']> {
  return {
    ...(dns.nameservers.length === 0 ? {} : { nameservers: dns.nameservers }),
    ...given('domain', dns.domain),
    ...(dns.search.length === 0 ? {} : { search: dns.search }),
  };
}

function given<K extends string>(key: K, value: string | null | undefined): { [key in K]?: string } {
  return value === undefined || value === null || value === '' ? {} : ({ [key]: value } as { [key in K]: string });
}

function parseJson(type: string, printed: string): unknown {
  // Bytes that are no UTF-8 arrive as this character; the text could not be kept as it was.
  if (printed.includes('\uFFFD')) throw invalid(type, 'it is not UTF-8', printed);
  const json = parseStrictJson(printed, { maxBytes: MAX_RESULT_BYTES });
  if (json.ok) return json.value;
  if (json.fault === 'TooLong') {
    throw new PodwireError('CniResultTooBig', `CNI plugin ${type} printed a result that ${json.why}`);
  }
  throw invalid(type, printed.trim() === '' ? 'it is empty' : `it ${json.why}`, printed);
}

const invalid = (type: string, why: string, printed: string): PodwireError =>
  new PodwireError(
    'CniOutputInvalid',
    `CNI plugin ${type} ended well but its result cannot be used: ${why}${printed.trim() === '' ? '' : `; it begins with: ${printable(printed, 120)}`}`,
  );
