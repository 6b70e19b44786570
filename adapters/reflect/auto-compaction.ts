/** KSR's `auto-compact`: etcd's history is thrown away now and then, for clusters whose etcd does not do it by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdConnection } from '../etcd/open.ts';

export interface CompactionObserver {
  compacted(revision: string): void;
  failed(error: unknown): void;
}

/** The answer comes when the space is free, which takes its time in a large store. */
const COMPACTION_LIMIT_MS = 60_000;
const ALREADY_DONE = /has been compacted/;

/**
 * Compacts every `everyMs` to the revision of one period ago, so that whoever watches has at least one period to catch up; KSR compacted to
 * the current one, which ended watches that were a moment behind. Several processes doing so do no harm. What fails is tried again in the
 * next period.
 * @param etcd closed by the caller, after `stop`
 */
export function startAutoCompaction(
  etcd: EtcdConnection,
  everyMs: number,
  observer: CompactionObserver,
): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const loop = async (): Promise<void> => {
    let before: string | undefined;
    while (!stopped.signal.aborted) {
      try {
        if (before !== undefined) await compact(etcd, before, observer);
        before = (await etcd.use((client) => client.get('/').exec())).header.revision;
      } catch (error) {
        observer.failed(error);
      }
      await sleep(everyMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
}

async function compact(etcd: EtcdConnection, revision: string, observer: CompactionObserver): Promise<void> {
  try {
    const deadline = Date.now() + COMPACTION_LIMIT_MS;
    await etcd.use((client) => client.kv.compact({ revision, physical: true }, { deadline }));
    observer.compacted(revision);
  } catch (error) {
    if (!(error instanceof Error && ALREADY_DONE.test(error.message))) throw error;
  }
}
