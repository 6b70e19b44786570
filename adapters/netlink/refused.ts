/** What the kernel refused, in its own words. */
import { attributeAt, type KernelAnswer } from './codec/answers.ts';
import { describeErrno } from '../libc/calls.ts';

/** errno(3), the same on every architecture that podwire has a library for. */
export const ERRNO = {
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EADDRNOTAVAIL: 99,
  ENOBUFS: 105,
} as const;

export class NetlinkRefused extends Error {
  readonly errno: number;
  /** Extended acknowledgement; absent where the kernel says nothing but the errno. */
  readonly said: string | undefined;

  constructor({ errno, said }: Pick<KernelAnswer, 'errno' | 'said'>, attribute = '') {
    const words = describeErrno(errno);
    super(said === undefined ? `${words}${attribute}` : `Error: ${said.replace(/\.$/, '')} (${words})${attribute}`);
    this.name = 'NetlinkRefused';
    this.errno = errno;
    this.said = said;
  }
}

export interface AttributeNames {
  /** Bytes of the family's own header. */
  readonly header: number;
  readonly names: ReadonlyMap<number, string>;
}

/** The refusal, with the name of the attribute that the kernel pointed at or missed. */
export function refusal(answer: KernelAnswer, request: Buffer, { header, names }: AttributeNames): NetlinkRefused {
  const { offset, missing } = answer;
  const path = offset === undefined ? [] : attributeAt(request, header, offset);
  const named = path.map((type, depth) => (depth === 0 ? (names.get(type) ?? String(type)) : String(type))).join('.');
  const lacks = missing === undefined ? '' : `; missing: ${names.get(missing) ?? missing}`;
  return new NetlinkRefused(answer, `${named === '' ? '' : `; attribute: ${named}`}${lacks}`);
}
