/** Addresses of servers, with or without the scheme that says whether TLS is meant. */
import { z } from 'zod';
import { addressText } from './common.ts';

export type Scheme = 'http' | 'https';

export interface Endpoints {
  /** `host:port` each. */
  readonly addresses: readonly string[];
  /** Undefined: none of them says. */
  readonly scheme: Scheme | undefined;
}

export const MIXED_SCHEMES = 'must not mix http:// and https://: TLS is for all of them or for none';

/** Takes the schemes off; the addresses are not checked. @returns undefined when the schemes contradict each other */
export function splitSchemes(texts: readonly string[]): Endpoints | undefined {
  const parts = texts.map((text) => /^(?:(https?):\/\/)?(.*?)\/?$/s.exec(text.trim()));
  const schemes = new Set(parts.flatMap((part) => (part?.[1] as Scheme | undefined) ?? []));
  if (schemes.size > 1) return undefined;
  return { addresses: parts.map((part) => part?.[2] ?? ''), scheme: [...schemes][0] };
}

/** One or more addresses, separated by commas. */
export const endpointsText = z.string().transform((text, context): Endpoints => {
  const endpoints = splitSchemes(text.split(','));
  const wrong = endpoints?.addresses.filter((address) => !addressText.safeParse(address).success);
  if (endpoints !== undefined && wrong?.length === 0) return endpoints;
  const message = endpoints === undefined ? MIXED_SCHEMES : 'must be host:port, [IPv6]:port or :port';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const oneEndpoint = endpointsText.refine(({ addresses }) => addresses.length === 1, {
  error: 'must be one address',
});
