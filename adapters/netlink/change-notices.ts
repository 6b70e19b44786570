/** `ChangeNotices` by way of the netlink thread. */
import { PodwireError } from '../../domain/failures.ts';
import { sameNetns } from '../../domain/pod/netns-identity.ts';
import type { ChangeNotices } from '../../domain/ports/change-notices.ts';
import { openNetns } from '../netns/open-netns.ts';
import type { NetlinkThread } from './thread.ts';

const TIMEOUT_MS = 3_000;

export function createChangeNotices(thread: NetlinkThread, netnsRoots: readonly string[]): ChangeNotices {
  const said = (operation: 'unfollow' | 'hold' | 'letGo', key: string): Promise<undefined> =>
    thread.call({ operation, args: [key], timeoutMs: TIMEOUT_MS });
  return {
    async follow({ sandboxId, netns }) {
      const file = openNetns(netns.path, netnsRoots);
      try {
        if (!sameNetns(file.identity, netns))
          throw new PodwireError('SandboxChanged', `${netns.path} is another network namespace now`);
        const descriptor = { fd: file.fd, inode: file.identity.inode };
        await thread.call({ operation: 'follow', args: [sandboxId], netns: descriptor, timeoutMs: TIMEOUT_MS });
      } finally {
        file.close();
      }
    },
    unfollow: (sandboxId) => said('unfollow', sandboxId),
    async asOwn(sandboxId, work) {
      // Whether changes are told apart decides nothing about the work.
      await said('hold', sandboxId).catch(() => undefined);
      try {
        return await work();
      } finally {
        await said('letGo', sandboxId).catch(() => undefined);
      }
    },
    listen: (listener) =>
      thread.listen({
        ended: () => listener.ended(),
        changed: ({ key, changes: { links, forwarding, lost } }) =>
          listener.changed({ sandboxId: key, links: links || lost, forwarding: forwarding || lost }),
      }),
  };
}
