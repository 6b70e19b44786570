/** What an ADD changed of its pod's sysctls, and what becomes of it when another attachment of the pod set the same ones. */
import type { NamedSysctl } from './named-sysctls.ts';

export interface ChangedSysctl {
  readonly path: string;
  readonly before: string;
  /** What it is by ADD: as the configurations say, or, once ADD succeeded, as the kernel says. */
  readonly given: readonly string[];
}

/** Of one attachment. */
export interface ChangedSysctls {
  /** Grows with every ADD in the sandbox that names sysctls. */
  readonly order: number;
  readonly changed: readonly ChangedSysctl[];
}

type Values = ReadonlyMap<string, string>;

/**
 * Before ADD.
 * @param values of the sysctls now; one that cannot be read (`net.ipv4.route.flush` is an order, and no value) cannot be put back either
 * @param others of the pod's other attachments
 */
export function aboutToChange(
  named: readonly NamedSysctl[],
  values: Values,
  others: readonly ChangedSysctls[],
): ChangedSysctls {
  const given = new Map<string, string[]>();
  for (const { path, value } of named) given.set(path, [...(given.get(path) ?? []), asKernelShows(value)]);
  return {
    order: 1 + Math.max(0, ...others.map(({ order }) => order)),
    changed: [...given].flatMap(([path, each]) => {
      const before = values.get(path);
      return before === undefined ? [] : [{ path, before, given: each }];
    }),
  };
}

/** After a successful ADD. The kernel rounds some values and writes others in its own way. */
export const asGiven = ({ order, changed }: ChangedSysctls, values: Values): ChangedSysctls => ({
  order,
  changed: changed.map((each) => {
    const now = values.get(each.path);
    return now === undefined ? each : { ...each, given: [asKernelShows(now)] };
  }),
});

export interface Giving {
  /** Sysctls that become again what they were. */
  readonly write: readonly ChangedSysctl[];
  /** Those that somebody else has set since. */
  readonly stay: readonly ChangedSysctl[];
}

/**
 * After DEL.
 * @param values of the sysctls now; what is not there any more needs nothing
 * @param others what counts of the pod's other attachments
 */
export function toPutBack(
  { order, changed }: ChangedSysctls,
  values: Values,
  others: readonly ChangedSysctls[],
): Giving {
  const open = changed.filter(({ path, before }) => {
    const now = values.get(path);
    return now !== undefined && now !== before && next(path, order, others) === undefined;
  });
  const isOurs = ({ path, given }: ChangedSysctl): boolean => given.includes(asKernelShows(values.get(path) ?? ''));
  return { write: open.filter(isOurs), stay: open.filter((each) => !isOurs(each)) };
}

/**
 * A later attachment of the pod that set the same sysctl has the value, and what it was before the earlier one, too: that is what the
 * later one's DEL goes back to.
 * @returns undefined: nothing of `heir` changes
 */
export function inherited(
  { order, changed }: ChangedSysctls,
  heir: ChangedSysctls,
  others: readonly ChangedSysctls[],
): ChangedSysctls | undefined {
  const passed = new Map(
    changed.filter(({ path }) => next(path, order, others) === heir).map(({ path, before }) => [path, before]),
  );
  if (passed.size === 0) return undefined;
  const { order: own, changed: its } = heir;
  return { order: own, changed: its.map((each) => ({ ...each, before: passed.get(each.path) ?? each.before })) };
}

/** Who set it right after. */
const next = (path: string, order: number, others: readonly ChangedSysctls[]): ChangedSysctls | undefined =>
  others
    .filter((other) => other.order > order && other.changed.some((each) => each.path === path))
    .sort((a, b) => a.order - b.order)[0];

/** Several numbers of one sysctl have a tab between them. */
const asKernelShows = (value: string): string => value.trim().replaceAll(/\s+/g, '\t');
