/** Network namespaces of the lab's pods, found as files: nobody is asked. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathOnHost, type Lab } from '../../deploy/lab/lab.ts';

/** Paths on the host of the namespace files that containerd mounts, of every node. */
export function podNamespaces(lab: Lab): string[] {
  return lab.nodes.flatMap((node) => {
    const folder = pathOnHost(lab, node.name, '/run/netns');
    return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
  });
}
