/** Mistakes of the dialects that name objects: worded as in the other one, with dialect and `namespace/name`. */
import type { Dialect, SelectionProblem } from '../network-selection.ts';
import { problem, type Place } from '../openvnf/problems.ts';

const MAX_PROBLEMS = 64;

/** @param place its `network` is either `namespace/name` with valid parts, which is kept whole, or what somebody wrote */
export function dialectProblem(dialect: Dialect, code: string, place: Place, why: string): SelectionProblem {
  const { network, ...rest } = problem(code, place, why);
  const whole = place.network !== undefined && /^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(place.network);
  const named = whole ? place.network : network;
  return { ...rest, dialect, ...(named === undefined ? {} : { network: named }) };
}

/** A bounded list; the last entry says how many are left out. */
export function limitedProblems(dialect: Dialect, problems: readonly SelectionProblem[]): readonly SelectionProblem[] {
  if (problems.length <= MAX_PROBLEMS) return problems;
  const left = problems.length - MAX_PROBLEMS;
  const more = dialectProblem(dialect, 'MoreProblems', {}, `and ${left} more problems, not shown`);
  return [...problems.slice(0, MAX_PROBLEMS), more];
}
