/** What a part looks for before it works, and how it tells what is missing: the model, without effects. */

/** `waiting`: not asked yet. `warning`: it works, but not as well as it could. `error`: it cannot work like that. */
export type CheckState = 'ok' | 'warning' | 'error' | 'waiting';

export interface Check {
  /** Stable, for programs: `temporal-namespace`. */
  readonly name: string;
  readonly state: CheckState;
  /** What was found, in one line for people. */
  readonly text: string;
  /** Setting that decides about it, by its environment variable or file. */
  readonly setting?: string;
  /** Value of that setting. */
  readonly value?: string;
  readonly allowed?: string;
  /** The command or the change that cures it. */
  readonly cure?: string;
  /** An error that keeps the part from being ready also when it comes after the start: nothing else would tell of it. */
  readonly lasting?: true;
}

/** Setting and value, for the checks of one target. */
export type About = Pick<Check, 'setting' | 'value'>;

export const passed = (name: string, text: string, about: About = {}): Check => ({ name, state: 'ok', text, ...about });

export const waiting = (name: string): Check => ({ name, state: 'waiting', text: 'not asked yet' });

/** Those that keep the part from being ready. */
export const failures = (checks: readonly Check[]): readonly Check[] =>
  checks.filter(({ state }) => state === 'error' || state === 'waiting');

/** One line with everything, for `reasons` of /readyz. */
export function reasonOf({ name, text, setting, value, allowed, cure }: Check): string {
  const details = [
    setting === undefined ? undefined : value === undefined ? setting : `${setting}=${value}`,
    allowed === undefined ? undefined : `allowed: ${allowed}`,
    cure === undefined ? undefined : `do: ${cure}`,
  ].filter((detail) => detail !== undefined);
  return `${name}: ${text}${details.length === 0 ? '' : ` (${details.join('; ')})`}`;
}

/** All that is wrong as one block for a log that people read; empty when nothing is. */
export function blockOf(checks: readonly Check[]): string {
  const told = checks.filter(({ state }) => state === 'error' || state === 'warning');
  return told.map(linesOf).join('\n');
}

function linesOf({ name, state, text, setting, value, allowed, cure }: Check): string {
  const lines = [
    `${state === 'error' ? 'ERROR  ' : 'WARNING'} ${name}: ${text}`,
    ...(setting === undefined ? [] : [`  setting: ${setting}${value === undefined ? '' : ` = ${value}`}`]),
    ...(allowed === undefined ? [] : [`  allowed: ${allowed}`]),
    ...(cure === undefined ? [] : [`  do:      ${cure}`]),
  ];
  return lines.join('\n');
}

/** Whether two results tell people the same. */
export const sameFindings = (one: readonly Check[], other: readonly Check[]): boolean =>
  blockOf(one) === blockOf(other);
