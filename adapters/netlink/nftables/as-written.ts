/** Whether the kernel says of an object what podwire wrote. Pure. */
import { listAttributes, type Attribute } from '../codec/attributes.ts';

/** What the kernel adds by itself. */
interface Besides {
  /** Types that say nothing of what the object does: handles, counts of users. */
  readonly incidental: readonly number[];
  /** The last type that podwire knows; what later kernels say besides is no difference. */
  readonly known: number;
}

/**
 * In whatever order; an empty attribute says nothing.
 * @throws MalformedNetlink
 */
export function isAsWritten(
  seen: Buffer,
  written: readonly Attribute[],
  { incidental, known }: Besides = { incidental: [], known: Infinity },
): boolean {
  const found = listAttributes(seen)
    .filter(({ type, value }) => value.length > 0 && type <= known && !incidental.includes(type))
    .toSorted(byType);
  if (found.length !== written.length) return false;
  return written.toSorted(byType).every(({ type, value }, index) => {
    const other = found[index];
    if (other?.type !== type) return false;
    return value instanceof Uint8Array ? other.value.equals(value) : isAsWritten(other.value, value);
  });
}

/** Stable, so that lists, whose elements are of one type, keep their order. */
const byType = (a: { readonly type: number }, b: { readonly type: number }): number => a.type - b.type;
