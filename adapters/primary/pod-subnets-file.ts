/** The node's pod subnets on its own disk: `pod-subnets.json`. */
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { PodSubnetsDisk } from '../../domain/ports/pod-subnets-disk.ts';
import { writeDurably } from '../host/durable-file.ts';

const FILE = 'pod-subnets.json';
const schema = z.strictObject({ v: z.literal(1), node: z.string(), subnets: z.array(z.string()).min(1).max(2) });

/** @param dir absolute path; made when absent, mode 0700 */
export function createPodSubnetsFile(dir: string): PodSubnetsDisk {
  return {
    async read(node) {
      let text: string;
      try {
        text = await readFile(join(dir, FILE), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
      const found = parsed(join(dir, FILE), text);
      return found.node === node ? found.subnets : undefined;
    },
    async write(node, subnets) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const folder = await open(dir, 'r');
      try {
        await writeDurably(dir, folder, FILE, `${JSON.stringify({ v: 1, node, subnets })}\n`);
      } finally {
        await folder.close();
      }
    },
  };
}

function parsed(file: string, text: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new PodwireError('RecordInvalid', `${file} cannot be read; remove it, and it is written anew`, { cause });
  }
}
