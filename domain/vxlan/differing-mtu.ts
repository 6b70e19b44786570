/** Members of one VXLAN network whose MTUs differ: what fits one's interface and not the other's is lost on the way, and nobody is told. */
import type { Member, StepFailure } from '../records.ts';

export const MTU_DIFFERS = 'MtuDiffers';

/** The members with another MTU than one that joins. */
export interface DifferingMtu {
  readonly mtu: number;
  /** Of all members. */
  readonly smallest: number;
  readonly other: SizedMember;
}

type SizedMember = Member & { readonly mtu: number };

/** @param others the network's other members @returns undefined: all have the same MTU, as far as it is known */
export function differingMtu(mtu: number, others: readonly Member[]): DifferingMtu | undefined {
  const sized = others.flatMap((member): SizedMember[] =>
    member.mtu === undefined ? [] : [{ ...member, mtu: member.mtu }],
  );
  const bySize = sized.sort((a, b) => a.mtu - b.mtu);
  const [least, most] = [bySize[0], bySize.at(-1)];
  const other = least?.mtu === mtu ? most : least;
  if (other === undefined || other.mtu === mtu) return undefined;
  return { mtu, smallest: Math.min(mtu, other.mtu), other };
}

/** For the owner of the pod that joined. @param pod namespace and name of the other member's; undefined: gone meanwhile */
export function mtuWarning({ mtu, smallest, other }: DifferingMtu, pod: string | undefined): StepFailure {
  const whose = `${other.interfaceName} of ${pod === undefined ? 'another pod' : `pod ${pod}`} (node ${other.node})`;
  return {
    code: MTU_DIFFERS,
    message: `its MTU is ${mtu}, that of ${whose} in the same network is ${other.mtu}: larger packets may be lost on the way without a word; give the network mtu=${smallest} in all its pods`,
  };
}
