/** What a pod's container sees before anything else: it prints its interfaces as its first action. */
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import { waitFor } from './harness.ts';

/** The command of such a container, which then stays. */
export const FIRST_LOOK = ['sh', '-c', 'ip -o addr; exec sleep 3600'];

export const firstLook = (lab: Lab, pod: PodRef): Promise<string> =>
  waitFor(
    'what the container has printed',
    async () => (await kubectl(lab, ['-n', pod.namespace, 'logs', pod.name])) || undefined,
    {
      limitMs: 30_000,
      everyMs: 100,
    },
  );
