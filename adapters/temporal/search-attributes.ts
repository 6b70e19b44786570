/** The search attributes of podwire's runs, in the Temporal namespace that it uses: looked for, and made where that is allowed. */
import { status } from '@grpc/grpc-js';
import { isGrpcServiceError } from '@temporalio/client';
import { PodwireError } from '../../domain/failures.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/messages.ts';
import { createAttributesCommand } from '../../domain/search-attributes.ts';
import type { TemporalClient } from './connection.ts';

const DEADLINE_MS = 3_000;
/** temporal.api.enums.v1.IndexedValueType. */
const TYPES = { Keyword: 2, KeywordList: 7 } as const;
/** Servers that keep their operator's API to themselves. What is missing there is told by the first run that does not start. */
const NOT_TOLD: readonly (number | undefined)[] = [status.PERMISSION_DENIED, status.UNIMPLEMENTED];

type Name = keyof typeof SEARCH_ATTRIBUTES;

/**
 * Makes what the namespace lacks, as far as the server tells it.
 *
 * @returns the names that were made
 * @throws PodwireError `TemporalUnavailable`, whose message holds the command that makes them when podwire may not
 */
export async function ensureSearchAttributes(to: TemporalClient): Promise<readonly Name[]> {
  const missing = await missingSearchAttributes(to);
  if (missing.length === 0) return missing;
  const { connection } = to.client;
  try {
    await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      connection.operatorService.addSearchAttributes({
        namespace: to.namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, TYPES[SEARCH_ATTRIBUTES[name]]])),
      }),
    );
    return missing;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PodwireError(
      'TemporalUnavailable',
      `Temporal namespace ${to.namespace} lacks the search attributes ${missing.join(', ')}, and they cannot be made (${why}). Make them with: ${commandFor(to.namespace, missing)}`,
      { cause },
    );
  }
}

/**
 * For who only starts runs.
 *
 * @throws PodwireError `TemporalUnavailable` with the command that makes what is missing; where the server does not answer, nothing is thrown
 */
export async function requireSearchAttributes(to: TemporalClient): Promise<void> {
  const missing = await missingSearchAttributes(to).catch(() => []);
  if (missing.length === 0) return;
  throw new PodwireError(
    'TemporalUnavailable',
    `Temporal namespace ${to.namespace} lacks the search attributes ${missing.join(', ')}. Make them with: ${commandFor(to.namespace, missing)}`,
  );
}

/**
 * @returns the names that are known to be missing: none where the server refuses to list them
 * @throws PodwireError `TemporalUnavailable` when it does not answer
 */
export async function missingSearchAttributes(to: TemporalClient): Promise<Name[]> {
  const { connection } = to.client;
  try {
    const { customAttributes } = await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      connection.operatorService.listSearchAttributes({ namespace: to.namespace }),
    );
    return (Object.keys(SEARCH_ATTRIBUTES) as Name[]).filter((name) => !(name in (customAttributes ?? {})));
  } catch (cause) {
    if (isGrpcServiceError(cause) && NOT_TOLD.includes(cause.code)) return [];
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PodwireError(
      'TemporalUnavailable',
      `Cannot list search attributes of namespace ${to.namespace}: ${why}`,
      {
        cause,
      },
    );
  }
}

const commandFor = (namespace: string, names: readonly Name[]): string =>
  createAttributesCommand(
    { namespace },
    names.map((name) => [name, SEARCH_ATTRIBUTES[name]]),
  );
