/** One list of wishes out of those of all dialects: an interface that two of them want goes to one. */
import { dialectProblem } from './cni/problems.ts';
import { keepEntry } from './keep.ts';
import {
  networkKey,
  type Dialect,
  type NetworkSelection,
  type ParsedSelections,
  type SelectionProblem,
} from './network-selection.ts';
import { shown } from './openvnf/problems.ts';

const ORDER: readonly Dialect[] = ['npwg', 'openvnf', 'kaloom'];

/**
 * Merges the dialects' lists in the order npwg, openvnf, kaloom, whatever order they are given in. An interface that another runtime
 * made is nobody's; else the first dialect gets it, and the later selection is refused and what is attached under its network stays.
 * Selections without an interface name take no part: they get a free one.
 *
 * The result decides about the inputs hash and therefore depends on the pod alone. That an existing record wins over this order
 * (decision 34) is for the plan, which knows the records; the loser is kept for that.
 */
export function withoutInterfaceConflicts(
  lists: Readonly<Partial<Record<Dialect, ParsedSelections>>>,
): ParsedSelections {
  const given = ORDER.flatMap((dialect) => lists[dialect] ?? []);
  const foreign = given.flatMap((list) => list.foreign ?? []);
  const owners = new Map(
    foreign
      .filter(({ interfaceName }) => interfaceName !== '')
      .map(({ interfaceName, network }): [string, Owner] => [interfaceName, { network, dialect: undefined }]),
  );
  const selections: NetworkSelection[] = [];
  const refused: SelectionProblem[] = [];
  const keep = new Set(given.flatMap((list) => list.keep));
  for (const selection of given.flatMap((list) => list.selections)) {
    const interfaceName = interfaceNameOf(selection);
    const owner = owners.get(interfaceName);
    // Within its own dialect a selection has been judged before.
    if (interfaceName === '' || owner === undefined || owner.dialect === selection.dialect) {
      selections.push(selection);
      if (interfaceName !== '') owners.set(interfaceName, ownerOf(selection));
      continue;
    }
    refused.push(lostTo(owner, selection, interfaceName));
    keep.add(keepEntry(selection.dialect, selection.network));
  }
  return {
    selections,
    problems: [...given.flatMap((list) => list.problems), ...refused],
    warnings: given.flatMap((list) => list.warnings),
    keep: [...keep],
    foreign,
  };
}

interface Owner {
  readonly network: string;
  /** Undefined: another runtime. */
  readonly dialect: Dialect | undefined;
}

const interfaceNameOf = (selection: NetworkSelection): string =>
  selection.kind === 'vxlan' ? selection.link.interfaceName : selection.cni.interfaceName;

const ownerOf = ({ network, dialect }: NetworkSelection): Owner => ({ network: networkKey(network), dialect });

function lostTo(owner: Owner, selection: NetworkSelection, interfaceName: string): SelectionProblem {
  const option = selection.dialect === 'openvnf' ? 'name' : 'interface';
  const place = { network: networkKey(selection.network), option, value: interfaceName };
  if (owner.dialect === undefined) {
    const why = `value "${interfaceName}" belongs to network ${shown(owner.network)}, which another runtime attached; allowed: another name`;
    return dialectProblem(selection.dialect, 'InterfaceTaken', place, why);
  }
  const why = `value "${interfaceName}" (dialect ${selection.dialect}) is also wanted by network "${owner.network}" (dialect ${owner.dialect}), which comes first; allowed: another name`;
  return dialectProblem(selection.dialect, 'InterfaceWantedTwice', place, why);
}
