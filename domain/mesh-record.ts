/** What is recorded of a mesh: who is behind, and since when. Pure. */
import { RECORD_VERSION, type MeshRecord, type Stored } from './records.ts';

/** @param behind nodes that the mesh run could not tell @param before what was recorded until now */
export function meshRecord(behind: readonly string[], before: MeshRecord | undefined, now: string): MeshRecord {
  const since = Object.fromEntries(behind.map((node) => [node, sinceWhen(node, before) ?? now]));
  return { v: RECORD_VERSION, behind, ...(behind.length === 0 ? {} : { since }), recordedAt: now };
}

const sinceWhen = (node: string, before: MeshRecord | undefined): string | undefined =>
  before?.behind.includes(node) === true ? before.since?.[node] : undefined;

/** The same without a node that has caught up. */
export function withoutNode(record: MeshRecord, node: string): MeshRecord {
  const { since = {}, ...rest } = record;
  const left = Object.entries(since).filter(([name]) => name !== node);
  return {
    ...rest,
    behind: record.behind.filter((name) => name !== node),
    ...(left.length === 0 ? {} : { since: Object.fromEntries(left) }),
  };
}

/** Names what a mesh run wrote, whoever has taken itself out of it since. */
export const writeOf = ({ value, modRevision }: Pick<Stored<MeshRecord>, 'value' | 'modRevision'>): string =>
  value.recordedAt ?? modRevision;
