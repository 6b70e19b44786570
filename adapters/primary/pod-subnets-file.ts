/** The node's pod subnets on its own disk: `pod-subnets.json`. */
import { z } from 'zod';
import type { PodSubnetsDisk } from '../../domain/ports/pod-subnets-disk.ts';
import { createNodeFile } from './node-file.ts';

const schema = z.strictObject({
  v: z.literal(1),
  node: z.string(),
  subnets: z.array(z.string()).min(1).max(2).readonly(),
});

/** @param dir absolute path; made when absent, mode 0700 */
export function createPodSubnetsFile(dir: string): PodSubnetsDisk {
  const file = createNodeFile({ dir, name: 'pod-subnets.json', schema, cure: 'remove it, and it is written anew' });
  return {
    read: async (node) => (await file.read(node))?.subnets,
    write: (node, subnets) => file.write({ v: 1, node, subnets }),
  };
}
