/** A whole list of a resource, fetched in pages and reduced to views page by page. */
import { PodwireError } from '../../domain/failures.ts';
import { bodyOf, type KubeAnswer, type KubeClient } from './client.ts';
import type { Identified, Versioned } from './uid-cache.ts';

export interface ListOptions<T> {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly map: (object: unknown) => T | undefined;
  readonly signal: AbortSignal;
  readonly pageSize: number;
  readonly pageDeadlineMs: number;
  /** The cluster may lack this kind of object (a CustomResourceDefinition that is not installed): 404 is an answer then. */
  readonly mayBeUnknown?: boolean;
}

export interface Listed<T> {
  readonly items: readonly Versioned<T>[];
  /** Where a watch goes on. */
  readonly version: string;
  /** Objects that were no valid ones. */
  readonly skipped: number;
  /** The cluster has no such kind of object. */
  readonly unknown?: boolean;
}

/** The API answered something else than a list; told to wait, in `retryAfterMs`. */
export class ListRefused extends PodwireError {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  constructor(cause: PodwireError, { status, retryAfterMs }: Pick<KubeAnswer, 'status' | 'retryAfterMs'>) {
    super('ApiUnavailable', cause.message, { cause });
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

interface Page {
  metadata?: { resourceVersion?: unknown; continue?: unknown };
  items?: unknown;
}

/**
 * Without a resourceVersion, so that it is read from etcd and never from a cache that lags.
 * @throws PodwireError `ApiUnavailable`; a 410 in the middle (the list took longer than etcd keeps its past) starts over once, unpaged
 */
export async function listAll<T extends Identified>(client: KubeClient, options: ListOptions<T>): Promise<Listed<T>> {
  return (await pages(client, options, String(options.pageSize))) ?? (await unpaged(client, options));
}

async function unpaged<T extends Identified>(client: KubeClient, options: ListOptions<T>): Promise<Listed<T>> {
  const listed = await pages(client, options, undefined);
  if (listed === undefined)
    throw new PodwireError('ApiUnavailable', `list ${options.path}: the API answered 410 twice`);
  return listed;
}

async function pages<T extends Identified>(
  client: KubeClient,
  options: ListOptions<T>,
  limit: string | undefined,
): Promise<Listed<T> | undefined> {
  const items: Versioned<T>[] = [];
  let skipped = 0;
  let next = '';
  for (;;) {
    const query = {
      ...options.query,
      ...(limit === undefined ? {} : { limit }),
      ...(next === '' ? {} : { continue: next }),
    };
    const answer = await client.call({
      method: 'GET',
      path: options.path,
      query,
      deadlineMs: options.pageDeadlineMs,
      signal: options.signal,
    });
    if (answer.status === 410 && limit !== undefined) return undefined;
    if (answer.status === 404 && options.mayBeUnknown === true)
      return { items: [], version: '', skipped: 0, unknown: true };
    const page = readPage(answer, options.path);
    for (const object of page.items) {
      const view = options.map(object);
      const version = versionOf(object);
      if (view === undefined || version === undefined) skipped += 1;
      else items.push({ view, version });
    }
    next = page.next;
    if (next === '') return { items, version: page.version, skipped };
  }
}

function readPage(answer: KubeAnswer, path: string) {
  let body: Page | undefined;
  try {
    body = bodyOf(answer, `list ${path}`) as Page | undefined;
  } catch (error) {
    if (error instanceof PodwireError) throw new ListRefused(error, answer);
    throw error;
  }
  const version = body?.metadata?.resourceVersion;
  if (typeof version !== 'string' || !Array.isArray(body?.items)) {
    throw new PodwireError('ApiUnavailable', `list ${path}: the answer (status ${answer.status}) is no list`);
  }
  const next = body.metadata?.continue;
  return { items: body.items as unknown[], version, next: typeof next === 'string' ? next : '' };
}

/** metadata.resourceVersion of any object. */
export function versionOf(object: unknown): string | undefined {
  const version = (object as { metadata?: { resourceVersion?: unknown } } | null | undefined)?.metadata
    ?.resourceVersion;
  return typeof version === 'string' && version !== '' ? version : undefined;
}
