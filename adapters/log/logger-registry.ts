/** Loggers by name, each with a level of its own that can be changed while the process runs. */
import type { KsrLevel } from '../../domain/reflect/log-levels.ts';
import type { Logger } from './logger.ts';

/** The library has no `panic`; a program that panics says so at `fatal`. */
const PINO_LEVELS = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'fatal',
  panic: 'fatal',
} as const satisfies Record<KsrLevel, string>;

/** The name under which the level of loggers yet to come is set. */
const DEFAULT = 'default';
const MAX_NAME = 128;
/** Far more than there are loggers; whoever asks for more does not mean loggers. */
const MAX_NAMES = 1_000;

export class LoggerRegistry {
  readonly #root: Logger;
  readonly #loggers = new Map<string, Logger>();
  /** Also of loggers that do not exist yet. */
  readonly #levels = new Map<string, KsrLevel>();
  #default: KsrLevel;

  /**
   * @param root its level must let through everything: the loggers' own levels decide
   * @param initial level of every logger that none is set for
   */
  constructor(root: Logger, initial: KsrLevel) {
    this.#root = root;
    this.#default = initial;
  }

  /**
   * The logger of that name, made at the first call. Hold on to this object and not to a child of it: a child keeps the level of the
   * moment in which it was made.
   */
  logger(name: string): Logger {
    const existing = this.#loggers.get(name);
    if (existing !== undefined) return existing;
    const level = this.#levels.get(name) ?? this.#default;
    this.#levels.set(name, level);
    const logger = this.#root.child({ logger: name }, { level: PINO_LEVELS[level] });
    this.#loggers.set(name, logger);
    return logger;
  }

  /**
   * Sets a level at once; for a logger that does not exist it is remembered. `default` is the level of loggers yet to be made.
   * @throws RangeError when the name is no name of a logger, or too many are remembered already
   */
  setLevel(name: string, level: KsrLevel): void {
    if (name === DEFAULT) {
      this.#default = level;
      return;
    }
    if (name === '' || name.length > MAX_NAME) throw new RangeError(`a logger's name has 1 to ${MAX_NAME} characters`);
    if (!this.#levels.has(name) && this.#levels.size >= MAX_NAMES)
      throw new RangeError(
        `levels of ${MAX_NAMES} loggers are remembered already; GET /log/list names those that exist`,
      );
    this.#levels.set(name, level);
    const logger = this.#loggers.get(name);
    if (logger !== undefined) logger.level = PINO_LEVELS[level];
  }

  /** Loggers that exist, by name. */
  list(): { readonly logger: string; readonly level: KsrLevel }[] {
    return [...this.#loggers.keys()]
      .sort()
      .map((logger) => ({ logger, level: this.#levels.get(logger) ?? this.#default }));
  }
}
