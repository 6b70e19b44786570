/** The container runtime together with what it announced: a sandbox is known from the moment in which its network is made (ADR 52). */
import { asDetails } from '../../domain/cni-server/announced-sandbox.ts';
import type { AnnouncedSandboxes } from '../../domain/ports/announced-sandboxes.ts';
import { uidInRuntime } from '../../domain/pod/static-pods.ts';
import type { ListedSandbox, SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';

/**
 * What the runtime itself tells goes before what it announced, and confirms it. A sandbox that is being taken down is not listed any more,
 * whatever the runtime still says, so that nothing is made in it.
 */
export function withAnnounced(runtime: SandboxRuntime, announced: AnnouncedSandboxes): SandboxRuntime {
  return {
    async listReady(podUid) {
      const listed = await runtime.listReady(podUid);
      const ids = new Set(listed.map(({ id }) => id));
      const unlisted: ListedSandbox[] = [];
      for (const each of announced.list()) {
        if (podUid !== undefined && uidInRuntime(each) !== podUid) continue;
        if (!each.ending && ids.has(each.sandboxId)) await announced.remove(each.sandboxId);
        else if (!each.ending) unlisted.push({ ...asDetails(each), asks: true });
      }
      return [...listed.filter(({ id }) => announced.get(id)?.ending !== true), ...unlisted];
    },
    async describe(sandboxId) {
      const found = await runtime.describe(sandboxId);
      const known = announced.get(sandboxId);
      if (known === undefined) return found;
      if (found === undefined || (!found.ready && !known.ending)) return asDetails(known);
      // Of a sandbox that it takes down the runtime may not tell the netns any more, which is there until this is done.
      return known.ending ? { ...found, ready: false, netnsPath: found.netnsPath ?? known.netnsPath } : found;
    },
    untilAnnounced: (podUid, signal) =>
      announced.untilPut((each) => !each.ending && uidInRuntime(each) === podUid, signal),
  };
}
