/** What tells podwire's own changes in sandboxes from others', and in which sandboxes it makes any. */
import type { NodeDeps } from '../../activities/network/deps.ts';
import type { CniPlugins } from '../../domain/ports/cni-plugins.ts';
import type { ChangeNotices } from '../../domain/ports/change-notices.ts';
import type { FollowedSandboxes } from './followed-sandboxes.ts';

/** Plugins are processes of their own: while one is at work, what changes in its sandbox is podwire's doing. */
export const asOwnChanges = (plugins: CniPlugins, { asOwn }: Pick<ChangeNotices, 'asOwn'>): CniPlugins => ({
  ...plugins,
  add: (call, signal) => asOwn(call.sandboxId, () => plugins.add(call, signal)),
  del: (call, resultText, signal) => asOwn(call.sandboxId, () => plugins.del(call, resultText, signal)),
});

/** A store that tells which sandboxes have attachments: each step reads its record, and the whole node is read again and again. */
export const notingRecords = (
  store: NodeDeps['store'],
  followed: () => FollowedSandboxes | undefined,
): NodeDeps['store'] => ({
  ...store,
  readAttachment: async (id) => {
    const stored = await store.readAttachment(id);
    if (stored !== undefined) followed()?.noted(stored.value);
    return stored;
  },
  listNodeAttachments: async (node) => {
    const askedAt = performance.now();
    const stored = await store.listNodeAttachments(node);
    followed()?.notedAll(
      stored.map(({ value }) => value),
      askedAt,
    );
    return stored;
  },
  readNode: async (node) => {
    const askedAt = performance.now();
    const read = await store.readNode(node);
    followed()?.notedAll(
      read.attachments.map(({ value }) => value),
      askedAt,
    );
    return read;
  },
});
