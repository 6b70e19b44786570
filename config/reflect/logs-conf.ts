/** `logs.conf`, as KSR reads it (the log manager of ligato's cn-infra): the levels of the loggers. */
import { z } from 'zod';
import { ksrLevel, KSR_LEVELS, type KsrLevel } from '../../domain/reflect/log-levels.ts';
import { parseConfigText, type FileReading } from '../yaml-file.ts';

export interface LogsConf {
  readonly defaultLevel: KsrLevel | undefined;
  readonly levels: readonly { readonly logger: string; readonly level: KsrLevel }[];
}

export const NO_LOGS_CONF: LogsConf = { defaultLevel: undefined, levels: [] };

const text = z.string({ error: 'must be text' });
/** Go's decoder takes `Name` for `name`. */
const lowerKeys = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), inner as unknown]))
    : value;
const logger = z.preprocess(lowerKeys, z.object({ name: text, level: text }, { error: 'must be a name and a level' }));
const schema = z.object({
  'default-level': text.optional(),
  loggers: z.array(logger, { error: 'must be a list of names and levels' }).optional(),
});

/**
 * A level that does not exist is warned about and skipped, as KSR does: it is no reason not to start.
 * @param file its name, for messages
 * @throws FileProblems with every mistake
 */
export function parseLogsConf(file: string, content: string): FileReading<LogsConf> {
  const { value: read, warnings: unknown } = parseConfigText(file, content, schema);
  const warnings = [...unknown];
  const levelOf = (what: string, written: string): KsrLevel | undefined => {
    const level = ksrLevel(written);
    if (level === undefined) warnings.push(`${file}: ${what}: ${noLevel(written)}`);
    return level;
  };
  const written = read['default-level'];
  // The original writes an empty text where nothing is set.
  const defaultLevel = written === undefined || written === '' ? undefined : levelOf('default-level', written);
  const levels = (read.loggers ?? []).flatMap(({ name, level }) => {
    const known = levelOf(`level of logger ${JSON.stringify(name)}`, level);
    return known === undefined ? [] : [{ logger: name, level: known }];
  });
  return { value: { defaultLevel, levels }, warnings };
}

/** For messages: the word is none of the levels. */
export const noLevel = (written: string): string =>
  `${JSON.stringify(written)} is no level and has no effect; levels are ${KSR_LEVELS.join(', ')}`;
