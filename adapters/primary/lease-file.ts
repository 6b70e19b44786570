/**
 * One lease as a file. Its name says whose it is and which addresses it holds, so that a file whose content is lost still keeps its addresses
 * from everybody: `<sandbox>~<interface>~<address>[,<address>]~<sequence>`. No two leases ever have one name: an old one is removed while a
 * new one is written, whosever they are.
 */
import { z } from 'zod';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { Lease, LeaseHolder } from '../../domain/primary/lease.ts';
import type { DamagedLease } from '../../domain/primary/leases.ts';
import type { IpValue } from '../../domain/primary/subnet.ts';
import { PodwireError } from '../../domain/failures.ts';

/** As CNI 1.1 has `CNI_CONTAINERID`, and short enough for a file's name. */
const SANDBOX_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const INTERFACE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;
const SEQUENCE = /^(0|[1-9]\d{0,14})$/;
const SEPARATOR = '~';

const contentSchema = z.strictObject({
  v: z.literal(1),
  sandboxId: z.string(),
  ifName: z.string(),
  pod: z.strictObject({ namespace: z.string(), name: z.string() }),
  addresses: z.array(z.string()).min(1),
  sequence: z.number().int().nonnegative(),
  madeAt: z.number().nonnegative(),
  releasedAt: z.number().nonnegative().exactOptional(),
});

type Named = Pick<Lease, 'sandboxId' | 'ifName' | 'addresses' | 'sequence'>;

/** @throws PodwireError RecordInvalid for an id or an interface that no runtime gives */
export function leaseFileName({ addresses, sequence, ...holder }: Named, ip: IpNumbers): string {
  return `${holderFilePrefix(holder)}${addresses.map((each) => ip.text(each)).join(',')}${SEPARATOR}${sequence}`;
}

/** How the names of all files of a holder begin. @throws PodwireError RecordInvalid for an id or an interface that no runtime gives */
export function holderFilePrefix({ sandboxId, ifName }: LeaseHolder): string {
  if (!SANDBOX_ID.test(sandboxId) || !INTERFACE.test(ifName))
    throw new PodwireError(
      'RecordInvalid',
      `a container ID ${JSON.stringify(sandboxId.slice(0, 140))} with interface ${JSON.stringify(ifName.slice(0, 40))} can have no lease: one of them holds what such names do not`,
    );
  return `${sandboxId}${SEPARATOR}${ifName}${SEPARATOR}`;
}

/** undefined: it is no lease's name. */
export function parseLeaseFileName(name: string, ip: IpNumbers): Named | undefined {
  const [sandboxId = '', ifName = '', joined = '', digits = '', ...more] = name.split(SEPARATOR);
  const values = joined.split(',').map((text) => ip.value(text));
  const addresses = values.filter((value): value is IpValue => value !== undefined);
  if (
    more.length > 0 ||
    !SEQUENCE.test(digits) ||
    addresses.length < values.length ||
    !SANDBOX_ID.test(sandboxId) ||
    !INTERFACE.test(ifName)
  )
    return undefined;
  return { sandboxId, ifName, addresses, sequence: Number(digits) };
}

export const leaseContent = (lease: Lease, ip: IpNumbers): string =>
  `${JSON.stringify({ v: 1, ...lease, addresses: lease.addresses.map((each) => ip.text(each)) })}\n`;

/** What the file says, or why it cannot be believed. @param named what its name says */
export function parseLease(content: string, named: Named, ip: IpNumbers): Lease | DamagedLease {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return { ...named, why: 'it is no JSON' };
  }
  const parsed = contentSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { ...named, why: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}` };
  }
  const { addresses, sandboxId, ifName, sequence, pod, madeAt, releasedAt } = parsed.data;
  const isAsNamed =
    sandboxId === named.sandboxId &&
    ifName === named.ifName &&
    sequence === named.sequence &&
    addresses.join(',') === named.addresses.map((each) => ip.text(each)).join(',');
  if (!isAsNamed) return { ...named, why: 'its content is not what its name says' };
  return { ...named, pod, madeAt, ...(releasedAt === undefined ? {} : { releasedAt }) };
}
