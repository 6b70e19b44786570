/** Result of reading one option's value. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export const read = <T>(value: T): Reading<T> => ({ ok: true, value });
export const refused = (why: string): Reading<never> => ({ ok: false, why });
