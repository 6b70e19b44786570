/** The node's number on its own disk: `node-id.json`. */
import { z } from 'zod';
import type { NodeIdDisk } from '../../domain/ports/node-ids.ts';
import { createNodeFile } from './node-file.ts';

const schema = z.strictObject({ v: z.literal(1), node: z.string(), id: z.number().int().min(1) });
const cure =
  'its number is in the addresses of the pods here. Write it again as {"v":1,"node":"<name>","id":<number>}, or remove the file once no pod is left on the node';

/** @param dir absolute path; made when absent, mode 0700 */
export function createNodeIdFile(dir: string): NodeIdDisk {
  const file = createNodeFile({ dir, name: 'node-id.json', schema, cure });
  return {
    read: async (node) => (await file.read(node))?.id,
    write: (node, id) => file.write({ v: 1, node, id }),
  };
}
