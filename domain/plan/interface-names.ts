/** Names for the interfaces whose annotation leaves the name to the runtime: `net1`, `net2`, … stable for as long as they are attached. */

export interface Unnamed {
  /** Equal for attachments of the same network with the same parameters. */
  readonly identity: string;
  /** Empty: to be named. */
  readonly interfaceName: string;
}

/** One of an annotation. */
export interface AskedName extends Unnamed {
  /** Place of its entry in the annotation, from 1, where the dialect numbers interfaces by it. */
  readonly position?: number;
}

export interface KnownName extends Unnamed {
  /** It is being taken away: the name is free for who asks for it. */
  readonly leaving?: boolean;
}

/** Names that nobody but an entry of the annotation can have. */
export interface TakenNames {
  /** Interfaces of others. */
  readonly foreign: readonly string[];
  /** Asked for by entries that are refused, and left for them. */
  readonly reserved: readonly string[];
}

/** Whether podwire itself could come to choose this name. */
export const isGeneratedName = (name: string): boolean => /^net[1-9][0-9]*$/.test(name);

/** After so many names that were somebody else's, something else is wrong: the next one that is refused stays so. */
const MOST_PASSED_OVER = 8;

export interface PassedOver {
  readonly names: readonly string[];
  /** Whether a further one would be passed over as well. */
  readonly more: boolean;
}

/** Names for podwire to choose no more, of those that turned out to be somebody else's. */
export function passedOver(conflicting: readonly string[]): PassedOver {
  const names = [...new Set(conflicting.filter(isGeneratedName))].sort((a, b) => numberOf(a) - numberOf(b));
  return { names: names.slice(0, MOST_PASSED_OVER), more: names.length < MOST_PASSED_OVER };
}

const numberOf = (name: string): number => Number(name.slice('net'.length));

/**
 * Gives every selection its interface name. One without a name keeps that of an attachment of the same identity, so that neither taking
 * a network out of the annotation nor another entry that asks for the name renames it; a new one gets the `netN` of its place (as
 * Multus does: what the others are called changes nothing), or where that is somebody's the lowest that nobody has. So two selections
 * have one name only where one of them asks for what the other, without a name of its own, has.
 *
 * @param known attachments there are, with names
 * @returns names in the order of the selections
 */
export function interfaceNames(
  selections: readonly AskedName[],
  known: readonly KnownName[],
  { foreign, reserved }: TakenNames,
): string[] {
  const asked = new Set(selections.map(({ interfaceName }) => interfaceName));
  const owned = new Set(selections.filter((one) => known.some((record) => isOf(record, one))).map(nameOf));
  const kept = new Map<number, string>();
  for (const [index, { identity, interfaceName }] of selections.entries()) {
    if (interfaceName !== '') continue;
    const own = known.filter((record) => record.identity === identity && !owned.has(record.interfaceName));
    const keeps = own.find((record) => !asked.has(record.interfaceName)) ?? own.find(({ leaving = false }) => !leaving);
    if (keeps === undefined) continue;
    kept.set(index, keeps.interfaceName);
    owned.add(keeps.interfaceName);
  }
  const taken = new Set([...asked, ...foreign, ...reserved, ...known.map(nameOf)]);
  for (const [index, { interfaceName, position }] of selections.entries()) {
    if (interfaceName !== '' || kept.has(index) || position === undefined || taken.has(numbered(position))) continue;
    kept.set(index, numbered(position));
    taken.add(numbered(position));
  }
  return selections.map(({ interfaceName }, index) => {
    if (interfaceName !== '') return interfaceName;
    const name = kept.get(index) ?? lowestFree(taken);
    taken.add(name);
    return name;
  });
}

const numbered = (number: number): string => `net${number}`;

const nameOf = ({ interfaceName }: Unnamed): string => interfaceName;

const isOf = (record: Unnamed, selection: Unnamed): boolean =>
  record.identity === selection.identity && record.interfaceName === selection.interfaceName;

function lowestFree(taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    if (!taken.has(numbered(number))) return numbered(number);
  }
}
