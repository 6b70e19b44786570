/** When are two network namespaces the same one? */
import type { NetnsIdentity } from '../records.ts';

/** Whether two looks saw the very same namespace (ADR 30: an inode number alone is reused). */
export function sameNetns(a: NetnsIdentity, b: NetnsIdentity): boolean {
  return a.path === b.path && a.inode === b.inode && a.ctimeNs === b.ctimeNs;
}
