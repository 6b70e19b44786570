/** What happens on a watch, in the log of its kind. */
import type { ListWatchObserver } from '../../adapters/kubernetes/list-watch.ts';
import type { Logger } from '../../adapters/log/logger.ts';

export function watchLog(kind: string, log: Logger): ListWatchObserver {
  return {
    event: (type) => {
      // A bookmark tells of no change.
      if (type !== 'bookmark') log.debug({ kind }, type);
    },
    relist: (reason) => log.debug({ kind, reason }, 'listing'),
    cacheMiss: () => log.debug({ kind }, 'a list found what the watch had missed'),
    failure: (message, retryInMs) => log.warn({ kind, retryInMs: Math.round(retryInMs) }, message),
    consumerError: (error) => log.error({ kind, err: error }, 'handling a change threw; the watch goes on'),
  };
}
