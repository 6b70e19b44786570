/** The search attributes of podwire's runs, compared with those that a Temporal namespace has. */
import { SEARCH_ATTRIBUTES } from './messages.ts';

/** Types as Temporal's command line and its documentation write them. */
type SearchAttributeType = (typeof SEARCH_ATTRIBUTES)[keyof typeof SEARCH_ATTRIBUTES];

interface WrongAttribute {
  readonly name: string;
  readonly found: string;
  readonly wanted: SearchAttributeType;
}

export interface AttributeDifference {
  readonly missing: readonly (readonly [name: string, type: SearchAttributeType])[];
  readonly wrong: readonly WrongAttribute[];
}

/** @param found types by name, as a Temporal namespace has them */
export function compareSearchAttributes(found: Readonly<Record<string, string>>): AttributeDifference {
  const wanted = Object.entries(SEARCH_ATTRIBUTES);
  return {
    missing: wanted.filter(([name]) => found[name] === undefined),
    wrong: wanted.flatMap(([name, type]) => {
      const has = found[name];
      return has === undefined || has === type ? [] : [{ name, found: has, wanted: type }];
    }),
  };
}

/** The command of Temporal's command line that makes them (`temporal operator search-attribute create`). */
export function createAttributesCommand(
  target: { readonly address?: string | undefined; readonly namespace: string },
  attributes: readonly (readonly [name: string, type: string])[],
): string {
  const words = attributes.map(([name, type]) => ` --name ${name} --type ${type}`).join('');
  const at = target.address === undefined ? '' : ` --address ${target.address}`;
  return `temporal operator search-attribute create${at} --namespace ${target.namespace}${words}`;
}
