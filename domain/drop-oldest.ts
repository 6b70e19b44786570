/** Keeps a memory bounded. @param memory a Map or a Set; what was put into it first is forgotten first */
export function dropOldest<K>(
  memory: { readonly size: number; keys(): Iterable<K>; delete(key: K): boolean },
  most: number,
): void {
  for (const key of memory.keys()) {
    if (memory.size <= most) return;
    memory.delete(key);
  }
}
