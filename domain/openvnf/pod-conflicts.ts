/** What two networks of one pod cannot share. The first in the annotation wins, the later one is refused. */
import type { VxlanSelection, SelectionProblem } from '../network-selection.ts';
import { identityKey } from './config-map.ts';
import { problem } from './problems.ts';

export interface Candidate {
  readonly selection: VxlanSelection;
  readonly line: number;
  readonly warnings: readonly SelectionProblem[];
}

/** Only networks that are right by themselves take part: a broken one takes nothing from the others. */
export function withoutConflicts(candidates: readonly Candidate[]): {
  readonly accepted: readonly Candidate[];
  readonly refused: readonly SelectionProblem[];
} {
  const accepted: Candidate[] = [];
  const refused: SelectionProblem[] = [];
  const owners = new Map<string, string>();
  for (const candidate of candidates) {
    const claims = claimsOf(candidate);
    const lost = claims.filter((claim) => owners.has(claim.key));
    for (const claim of lost) {
      const place = {
        network: candidate.selection.network.name,
        option: claim.option,
        value: claim.value,
        line: candidate.line,
      };
      const owner = owners.get(claim.key) ?? '';
      refused.push(
        problem(
          claim.code,
          place,
          `value "${claim.value}" is used by network "${owner}" of the same pod; allowed: another ${claim.option}`,
        ),
      );
    }
    if (lost.length > 0) continue;
    accepted.push(candidate);
    for (const claim of claims) owners.set(claim.key, candidate.selection.network.name);
  }
  return { accepted, refused };
}

interface Claim {
  readonly key: string;
  readonly code: string;
  readonly option: string;
  readonly value: string;
}

function claimsOf({ selection: { link } }: Candidate): Claim[] {
  return [
    { key: `name ${link.interfaceName}`, code: 'DuplicateInterface', option: 'name', value: link.interfaceName },
    {
      // The kernel refuses a second device with the same VNI and port.
      key: `identity ${identityKey(link.dstPort, link.vni)}`,
      code: 'DuplicateId',
      option: 'id',
      value: String(link.vni),
    },
    ...link.routes.map(({ destination }) => ({
      // So does it with a second route to the same destination.
      key: `route ${destination}`,
      code: 'DuplicateRoute',
      option: 'route',
      value: destination,
    })),
  ];
}
