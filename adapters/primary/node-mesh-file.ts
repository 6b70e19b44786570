/** The other nodes, and this node's own addresses, on the node's disk: `mesh.json`. */
import { z } from 'zod';
import type { NodeMeshDisk } from '../../domain/ports/node-mesh.ts';
import { createNodeFile } from './node-file.ts';
import { nodeAddressesSchema, nodeMemberSchema } from './node-member-schema.ts';

const schema = z.strictObject({
  v: z.literal(1),
  node: z.string(),
  addresses: nodeAddressesSchema,
  members: z.array(nodeMemberSchema).readonly(),
});

/** @param dir absolute path; made when absent, mode 0700 */
export function createNodeMeshFile(dir: string): NodeMeshDisk {
  const file = createNodeFile({ dir, name: 'mesh.json', schema, cure: 'remove it, and it is written anew from etcd' });
  return {
    read: async (node) => {
      const found = await file.read(node);
      return found === undefined ? undefined : { addresses: found.addresses, members: found.members };
    },
    write: (node, { addresses, members }) => file.write({ v: 1, node, addresses, members }),
  };
}
