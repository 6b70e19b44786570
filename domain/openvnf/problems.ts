/** How mistakes are worded: they reach people through events, so what a user wrote is quoted, shortened and made printable. */
import type { SelectionProblem } from '../network-selection.ts';
import { bounded, shown } from '../text/shown.ts';

/** For mistakes after which a network that was mangled cannot be told from one that was taken out (ADR 5). */
export const UNTIL_RIGHT = 'nothing is detached until the annotation is right again';

export interface Place {
  readonly network?: string | undefined;
  readonly option?: string | undefined;
  readonly value?: string | undefined;
  readonly line?: number | undefined;
}

/** A problem whose message begins with its network and option. */
export function problem(code: string, place: Place, why: string): SelectionProblem {
  const subject = [
    ...(place.network === undefined ? [] : [`network ${shown(place.network)}`]),
    ...(place.option === undefined ? [] : [`option ${shown(place.option)}`]),
  ].join(', ');
  return {
    code,
    ...(place.network === undefined ? {} : { network: bounded(place.network) }),
    ...(place.option === undefined ? {} : { option: bounded(place.option) }),
    ...(place.value === undefined ? {} : { value: bounded(place.value) }),
    ...(place.line === undefined ? {} : { line: place.line }),
    message: subject === '' ? why : `${subject}: ${why}`,
  };
}
