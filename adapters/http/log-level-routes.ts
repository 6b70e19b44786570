/** The level of a part's log, to be read and changed while it runs: `GET /log-level`, `PUT /log-level/debug`. For programs of the same machine only. */
import { LOG_LEVELS, type Logger } from '../log/logger.ts';
import { text, type Route } from './routes.ts';

/** @param log the root logger; what it is told lasts until the process ends */
export const logLevelRoutes = (log: Logger): readonly Route[] => [
  { method: 'GET', path: /^\/log-level$/, handle: () => text(200, `${log.level}\n`) },
  {
    method: 'PUT',
    path: /^\/log-level\/([^/]+)$/,
    handle: (asked) => {
      const level = LOG_LEVELS.find((each) => each === asked);
      if (level === undefined)
        return text(400, `level ${JSON.stringify(asked)} is refused; allowed: ${LOG_LEVELS.join(', ')}\n`);
      const before = log.level;
      // The line is written under the more verbose of both levels: a log that becomes silent says why.
      if (rank(level) < rank(before)) log.level = level;
      log.info({ before, now: level }, 'the level of this log was changed');
      log.level = level;
      return text(200, `${level}\n`);
    },
  },
];

/** The most verbose level has the lowest. */
const rank = (level: string): number => LOG_LEVELS.findIndex((each) => each === level);
