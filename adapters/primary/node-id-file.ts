/** The node's number on its own disk: `node-id.json` beside the leases. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { NodeIdDisk } from '../../domain/ports/node-ids.ts';
import { openFolder, writeDurably } from '../host/durable-file.ts';

const FILE = 'node-id.json';
const schema = z.strictObject({ v: z.literal(1), node: z.string(), id: z.number().int().min(1) });

/** @param dir absolute path; made when absent, mode 0700 */
export function createNodeIdFile(dir: string): NodeIdDisk {
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
      return found.node === node ? found.id : undefined;
    },
    async write(node, id) {
      const folder = await openFolder(dir);
      try {
        await writeDurably(dir, folder, FILE, `${JSON.stringify({ v: 1, node, id })}\n`);
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
    throw new PodwireError(
      'RecordInvalid',
      `${file} cannot be read; its number is in the addresses of the pods here. Write it again as {"v":1,"node":"<name>","id":<number>}, or remove the file once no pod is left on the node`,
      { cause },
    );
  }
}
