/** Names for the interfaces whose annotation leaves the name to the runtime: `net1`, `net2`, … stable for as long as they are attached. */

export interface Unnamed {
  /** Equal for attachments of the same network with the same parameters. */
  readonly identity: string;
  /** Empty: to be named. */
  readonly interfaceName: string;
}

/**
 * Gives every selection its interface name. One without a name keeps that of an attachment of the same identity, so that taking a
 * network out of the annotation renames no other; a new one gets the lowest `netN` that nobody has.
 *
 * @param known attachments there are, with names
 * @param foreign names that others have
 * @returns names in the order of the selections
 */
export function interfaceNames(
  selections: readonly Unnamed[],
  known: readonly Unnamed[],
  foreign: readonly string[],
): string[] {
  const given = new Set(selections.map(({ interfaceName }) => interfaceName));
  const kept = new Map<number, string>();
  for (const [index, { identity, interfaceName }] of selections.entries()) {
    if (interfaceName !== '') continue;
    const own = known.find((record) => record.identity === identity && !given.has(record.interfaceName));
    if (own === undefined) continue;
    kept.set(index, own.interfaceName);
    given.add(own.interfaceName);
  }
  const taken = new Set([...given, ...foreign, ...known.map(({ interfaceName }) => interfaceName)]);
  return selections.map(({ interfaceName }, index) => {
    if (interfaceName !== '') return interfaceName;
    const name = kept.get(index) ?? lowestFree(taken);
    taken.add(name);
    return name;
  });
}

function lowestFree(taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = `net${number}`;
    if (!taken.has(name)) return name;
  }
}
