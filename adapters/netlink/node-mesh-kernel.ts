/** A node's part of the mesh between nodes, through the thread that speaks netlink. */
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { NodeMeshKernel } from '../../domain/ports/node-mesh.ts';
import { HOST_NAME } from '../../domain/primary/pod-wiring.ts';
import { enteredBy } from './node-kernel.ts';
import type { NetlinkThread } from './thread.ts';

/** Of an empty kernel some thousand requests, and others may hold its lock on links meanwhile. */
const TIMEOUT_MS = 15_000;

/** @param host the node's namespace, opened by the netlink kernel; absent: that of this process */
export function createNodeMeshKernel(thread: NetlinkThread, host?: IdentifiedNetns): NodeMeshKernel {
  const place = {
    timeoutMs: TIMEOUT_MS,
    ...(host === undefined ? {} : { netns: enteredBy(host).descriptor }),
  };
  /** Of what is there; undefined: this process has written none. */
  let written: { readonly handle: string | undefined; readonly text: string } | undefined;
  return {
    links: async (signal) => {
      const { links } = await thread.call({ operation: 'observe', args: [], signal, ...place });
      return links.filter(({ name }) => !name.startsWith(HOST_NAME));
    },
    ensure: (plan, signal) => thread.call({ operation: 'ensureMesh', args: [plan], signal, ...place }),
    async filter(filter, signal) {
      const text = JSON.stringify(filter, (_, of: unknown) => (typeof of === 'bigint' ? String(of) : of));
      if (written?.text === text) {
        const handle = await thread.call({ operation: 'nodeTable', args: [], signal, ...place });
        if (handle !== undefined && handle === written.handle) return false;
      }
      const handle = await thread.call({ operation: 'replaceNodeTable', args: [filter], signal, ...place });
      written = { handle, text };
      return true;
    },
  };
}
