type Optional<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];

/** The fields of `T` that may be undefined are optional instead. */
export type Present<T> = { readonly [K in Exclude<keyof T, Optional<T>>]: T[K] } & {
  readonly [K in Optional<T>]?: Exclude<T[K], undefined>;
};

/** A copy without the fields that are undefined: what a message lacks, its object lacks too. */
export function present<T extends object>(fields: T): Present<T> {
  const there: Partial<T> = {};
  for (const key in fields) if (fields[key] !== undefined) there[key] = fields[key];
  return there as Present<T>;
}

/** Type to full name, for error texts. */
export const attributeNames = (prefix: string, table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, type]) => [type, `${prefix}_${name}`]));
