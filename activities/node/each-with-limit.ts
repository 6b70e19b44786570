/** Runs `work` for every item, at most `limit` at once; never rejects, the outcomes are in the items' order. */
export async function eachWithLimit<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const outcomes = new Array<PromiseSettledResult<R>>(items.length);
  const queue = items.entries();
  const drain = async (): Promise<void> => {
    // One iterator for all: each item is taken once.
    for (const [index, item] of queue) {
      const [outcome] = await Promise.allSettled([work(item)]);
      outcomes[index] = outcome;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, drain));
  return outcomes;
}
