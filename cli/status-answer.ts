/** What `podwire status` answers to programs. Somebody who does not answer costs what he would have said, which is left out, and not the rest. */
import type { NodeLook } from '../adapters/etcd/node-looks.ts';
import { PodwireError } from '../domain/failures.ts';
import type { AttachmentRecord } from '../domain/records.ts';
import type { PodRun, RunView } from './pod-runs.ts';

export interface StatusAnswer {
  /** The oldest first; of one pod with what they say of themselves, but for those that did not answer. */
  readonly runs: readonly (PodRun & { readonly view?: RunView })[];
  /** Without a target: when each node was looked at last. Left out while etcd does not answer. */
  readonly nodes?: readonly NodeLook[];
  /** Of one pod: its attachments, as etcd has them. Left out while etcd does not answer. */
  readonly records?: readonly AttachmentRecord[];
}

interface StatusReads {
  readonly view?: (run: PodRun) => Promise<RunView>;
  readonly nodes?: () => Promise<readonly NodeLook[]>;
  readonly records?: () => Promise<readonly AttachmentRecord[]>;
}

/** @param reads what is to be beside the runs. @param warn is told what is left out */
export async function statusAnswer(
  runs: readonly PodRun[],
  { view, nodes, records }: StatusReads,
  warn: (why: string) => void,
): Promise<StatusAnswer> {
  const named = async <K extends string, T>(
    key: K,
    read: (() => Promise<T>) | undefined,
  ): Promise<{ [k in K]?: T }> => {
    if (read === undefined) return {};
    try {
      return { [key]: await read() } as { [k in K]?: T };
    } catch (error) {
      if (!(error instanceof PodwireError)) throw error;
      warn(error.message);
      return {};
    }
  };
  const [shown, ...beside] = await Promise.all([
    Promise.all(runs.map(async (run) => ({ ...run, ...(await named('view', view && (() => view(run)))) }))),
    named('nodes', nodes),
    named('records', records),
  ]);
  return { runs: shown, ...beside[0], ...beside[1] };
}
