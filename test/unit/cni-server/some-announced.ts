/** Announced sandboxes for tests. */
import { AnnouncedPuts } from '../../../adapters/host/announced-puts.ts';
import type { AnnouncedSandbox } from '../../../domain/cni-server/announced-sandbox.ts';
import type { AnnouncedSandboxes } from '../../../domain/ports/announced-sandboxes.ts';

export const announcedSandbox = (sandboxId: string, change: Partial<AnnouncedSandbox> = {}): AnnouncedSandbox => ({
  ...{ v: 1, sandboxId, bootId: 'boot', podUid: `uid-${sandboxId}`, namespace: 'ns', name: 'web', ending: false },
  ...{ netnsPath: `/run/netns/${sandboxId}`, podIPs: ['10.1.0.5'], createdAt: '7000000' },
  ...change,
});

export function memoryOfAnnounced(): AnnouncedSandboxes {
  const known = new Map<string, AnnouncedSandbox>();
  const puts = new AnnouncedPuts();
  return {
    get: (sandboxId) => known.get(sandboxId),
    list: () => [...known.values()],
    put: async (announced) => {
      known.set(announced.sandboxId, announced);
      puts.tell(announced);
    },
    remove: async (sandboxId) => void known.delete(sandboxId),
    untilPut: (isSought, signal) => puts.until(isSought, signal),
  };
}
