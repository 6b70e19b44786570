/** What is recorded of a mesh: who is behind, and since when. Pure. */
import { RECORD_VERSION, type MeshRecord } from '../records.ts';

/** @param behind nodes that the mesh run could not tell @param before what was recorded until now */
export function meshRecord(behind: readonly string[], before: MeshRecord | undefined, now: string): MeshRecord {
  const since = Object.fromEntries(behind.map((node) => [node, before?.since[node] ?? now]));
  return { v: RECORD_VERSION, behind, since, recordedAt: now };
}

/** The same without a node that has caught up. */
export function withoutNode(record: MeshRecord, node: string): MeshRecord {
  const left = Object.entries(record.since).filter(([name]) => name !== node);
  return { ...record, behind: record.behind.filter((name) => name !== node), since: Object.fromEntries(left) };
}
