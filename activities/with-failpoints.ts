/** Failpoints `<activity>:before` and `<activity>:after` around every activity, so that crash tests can be made from the list. */
import type { Failpoints } from '../domain/ports/failpoints.ts';

/** The same activities; a hit that fails counts as a failure of the activity. */
export function withFailpoints<T extends object>(activities: T, failpoints: Failpoints): T {
  const wrapped = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...input: unknown[]): Promise<unknown> => {
      await failpoints.hit(`${name}:before`);
      const result: unknown = await (activity as (...input: unknown[]) => Promise<unknown>)(...input);
      await failpoints.hit(`${name}:after`);
      return result;
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
