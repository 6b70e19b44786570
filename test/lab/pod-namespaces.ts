/** Network namespaces of the lab's pods, found as files: nobody is asked. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Lab } from '../../deploy/lab/lab.ts';

/** Absolute paths of the namespace files that containerd mounts, of every node. */
export function podNamespaces(lab: Lab): string[] {
  return lab.nodes.flatMap((node) => {
    const folder = join(dirname(node.criSocket), 'containerd/io.containerd.grpc.v1.cri/netns');
    return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
  });
}
