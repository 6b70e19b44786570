/** Nodes and their workers as people read them. */
import { ageText, textTable } from '../text-table.ts';

export interface NodeRow {
  readonly node: string;
  readonly queue: string;
  /** Identities of the workers that take the node's steps. */
  readonly workers: readonly string[];
  /** ISO 8601, as the two below; absent: never. */
  readonly askedAt?: string;
  readonly lookedAt?: string;
  readonly attachments: number;
  /** Networks whose members the node has not followed. */
  readonly behind: readonly string[];
}

/** @param now milliseconds since the epoch @param wide with the workers' queues */
export function nodesText(rows: readonly NodeRow[], now: number, wide: boolean): string {
  if (rows.length === 0) return 'no node has ever had a worker\n';
  const ago = (moment: string | undefined): string =>
    moment === undefined ? 'never' : `${ageText(new Date(moment), now)} ago`;
  return textTable(
    ['node', 'worker', 'asked for work', 'looked at', 'attachments', 'behind with', ...(wide ? ['queue'] : [])],
    rows.map(({ node, queue, workers, askedAt, lookedAt, attachments, behind }) => [
      ...[node, workers.length === 0 ? 'NONE' : workers.join(' '), ago(askedAt), ago(lookedAt)],
      ...[String(attachments), behind.join(' '), ...(wide ? [queue] : [])],
    ]),
  );
}
