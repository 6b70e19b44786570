/** How a process of podwire hears that it is to end. */

/**
 * To be called first: a signal that comes before ends the process at once, as it ends any other.
 *
 * @returns aborted at the first SIGTERM or SIGINT; the process itself may abort it as well. A second signal ends the process at once.
 */
export function toldToEnd(): AbortController {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once('SIGTERM', end).once('SIGINT', end);
  return ending;
}
