/** Announced sandboxes as files, one each, in a folder that a reboot empties. Written without fsync, as the journal of CNI attachments. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { AnnouncedSandbox } from '../../domain/cni-server/announced-sandbox.ts';
import type { AnnouncedSandboxes } from '../../domain/ports/announced-sandboxes.ts';
import { AnnouncedPuts } from './announced-puts.ts';
import { writeUnsynced } from './whole-files.ts';

const SUFFIX = '.json';

const schema: z.ZodType<AnnouncedSandbox> = z.strictObject({
  v: z.literal(1),
  sandboxId: z.string(),
  bootId: z.string(),
  podUid: z.string(),
  runtimeUid: z.string().exactOptional(),
  namespace: z.string(),
  name: z.string(),
  netnsPath: z.string(),
  podIPs: z.array(z.string()),
  createdAt: z.string().regex(/^\d+$/),
  ending: z.boolean(),
  endedAt: z.number().exactOptional(),
});

/**
 * Reads what an earlier worker left. A file that cannot be read, or that is of another boot, is removed. A call that was under way then has
 * failed: the time within which the runtime has to confirm begins anew.
 *
 * @param dir absolute path, of this worker alone; made when absent, mode 0700
 * @param now milliseconds since the epoch
 */
export function openAnnouncedFiles(dir: string, bootId: string, now: number): AnnouncedSandboxes {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const known = new Map<string, AnnouncedSandbox>();
  const puts = new AnnouncedPuts();
  for (const name of readdirSync(dir)) {
    const found = name.endsWith(SUFFIX) ? read(join(dir, name)) : undefined;
    if (found?.bootId === bootId) known.set(found.sandboxId, { endedAt: now, ...found });
    else rmSync(join(dir, name), { force: true });
  }
  // Ids of containers are checked before (CNI 1.1: letters, digits, '_', '.', '-'), so that none leads out of the folder.
  const fileOf = (sandboxId: string): string => join(dir, `${sandboxId}${SUFFIX}`);
  return {
    get: (sandboxId) => known.get(sandboxId),
    list: () => [...known.values()],
    async put(announced) {
      known.set(announced.sandboxId, announced);
      await writeUnsynced(fileOf(announced.sandboxId), JSON.stringify(announced));
      puts.tell(announced);
    },
    async remove(sandboxId) {
      if (known.delete(sandboxId)) await rm(fileOf(sandboxId), { force: true });
    },
    untilPut: (isSought, signal) => puts.until(isSought, signal),
  };
}

function read(file: string): AnnouncedSandbox | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
