/** Announced sandboxes for tests. */
import type { AnnouncedSandbox } from '../../../domain/cni-server/announced-sandbox.ts';
import type { AnnouncedSandboxes } from '../../../domain/ports/announced-sandboxes.ts';

export const announcedSandbox = (sandboxId: string, change: Partial<AnnouncedSandbox> = {}): AnnouncedSandbox => ({
  ...{ v: 1, sandboxId, bootId: 'boot', podUid: `uid-${sandboxId}`, namespace: 'ns', name: 'web', ending: false },
  ...{ netnsPath: `/run/netns/${sandboxId}`, podIPs: ['10.1.0.5'], createdAt: '7000000' },
  ...change,
});

export function memoryOfAnnounced(): AnnouncedSandboxes {
  const known = new Map<string, AnnouncedSandbox>();
  return {
    get: (sandboxId) => known.get(sandboxId),
    list: () => [...known.values()],
    put: async (announced) => void known.set(announced.sandboxId, announced),
    remove: async (sandboxId) => void known.delete(sandboxId),
  };
}
