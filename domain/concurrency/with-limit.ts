/** Work for many items, a few at a time. */

/**
 * Runs `work` for every item, at most `limit` at once, as `Promise.all` would. The results are in the items' order.
 *
 * @throws what `work` threw first; no further item is begun then, and what is under way goes on unheard
 */
export async function allWithLimit<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  // One iterator for all: each item is taken once.
  const queue = items.entries();
  let failed = false;
  const drain = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failed) return;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, drain));
  return results;
}

/** The same as `Promise.allSettled` would: never rejects, the outcomes are in the items' order. */
export function eachWithLimit<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  return allWithLimit(items, limit, (item, index) => outcomeOf(() => work(item, index)));
}

async function outcomeOf<R>(work: () => Promise<R>): Promise<PromiseSettledResult<R>> {
  try {
    return { status: 'fulfilled', value: await work() };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}
