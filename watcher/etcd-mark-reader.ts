/** `MarkReader` on podwire's etcd. A record that cannot be read is left out and logged: its pod counts as not converged. */
import type { Entry, Etcd } from '../adapters/etcd/client.ts';
import { attachmentSchema, markSchema, parseEntry, refusalSchema } from '../adapters/etcd/schemas.ts';
import { listOutdatedRefusals } from '../adapters/etcd/waiting-refusals.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { attachmentsPrefix, marksPrefix, refusalsPrefix } from '../domain/keys.ts';
import type { ConvergedMark } from '../domain/records.ts';
import type { MarkReader, PodName } from './mark-reader.ts';

export function etcdMarkReader(etcd: Etcd, log: Logger): MarkReader {
  /** `read` gets each entry and the part of its key after the prefix. */
  const each = async (prefix: string, read: (entry: Entry, rest: string) => void): Promise<void> => {
    for (const entry of (await etcd.list(prefix)).entries) {
      try {
        read(entry, entry.key.slice(prefix.length));
      } catch (error) {
        log.warn({ key: entry.key, err: error }, 'unreadable record left out');
      }
    }
  };
  return {
    listMarks: async () => {
      const marks = new Map<string, ConvergedMark>();
      await each(marksPrefix(), (entry, uid) => {
        marks.set(uid, parseEntry(markSchema, entry));
      });
      return marks;
    },
    listPodsWithRecords: async () => {
      const pods = new Map<string, PodName>();
      await each(attachmentsPrefix(), (entry) => {
        const { podUid, namespace, name } = parseEntry(attachmentSchema, entry);
        pods.set(podUid, { namespace, name });
      });
      await each(refusalsPrefix(), (entry, rest) => {
        const { namespace, name } = parseEntry(refusalSchema, entry);
        pods.set(rest.split('/', 1)[0] ?? '', { namespace, name });
      });
      return pods;
    },
    listOutdatedRefusals: async () => new Set((await listOutdatedRefusals(etcd)).map(({ uid }) => uid)),
  };
}
