/**
 * The result of work that cannot be cancelled, or a rejection with the signal's reason as soon as the signal is aborted. The work itself
 * goes on; what it fails with later is heard by nobody.
 * @throws what the work throws; the signal's reason
 */
export async function withinSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
