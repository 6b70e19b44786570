/** `ConvergedReader` on podwire's etcd. A record that cannot be read is left out and logged: its pod counts as not converged. */
import type { Entry, Etcd } from '../adapters/etcd/client.ts';
import { attachmentSchema, convergedSchema, parseEntry, refusalSchema } from '../adapters/etcd/schemas.ts';
import { listOutdatedRefusals } from '../adapters/etcd/waiting-refusals.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { attachmentsPrefix, convergedPrefix, refusalsPrefix } from '../domain/keys.ts';
import type { ConvergedRecord } from '../domain/records.ts';
import type { ConvergedReader, PodName } from './converged-reader.ts';

export function etcdConvergedReader(etcd: Etcd, log: Logger): ConvergedReader {
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
    listConverged: async () => {
      const converged = new Map<string, ConvergedRecord>();
      await each(convergedPrefix(), (entry, uid) => {
        converged.set(uid, parseEntry(convergedSchema, entry));
      });
      return converged;
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
