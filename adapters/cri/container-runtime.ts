/** Containers of pods as the container runtime tells them, and programs run inside. */
import { z } from 'zod';
import type { ContainerRuntime } from '../../domain/ports/sandbox-runtime.ts';
import { checked } from './checked.ts';
import type { CriClient } from './client.ts';

/** Kubelet sets them on every container (k8s.io/kubelet/pkg/types). */
const POD_UID_LABEL = 'io.kubernetes.pod.uid';
const NAME_LABEL = 'io.kubernetes.container.name';
const MARGIN_MS = 1_000;

const listSchema = z.object({ containers: z.array(z.object({ id: z.string().min(1), created_at: z.string() })) });
const execSchema = z.object({ exit_code: z.number(), stderr: z.instanceof(Uint8Array) });

export function createContainerRuntime(cri: CriClient): ContainerRuntime {
  return {
    async runningContainer(podUid, name) {
      const filter = {
        state: { state: 'CONTAINER_RUNNING' },
        label_selector: { [POD_UID_LABEL]: podUid, [NAME_LABEL]: name },
      };
      const { containers } = checked(listSchema, await cri.call('ListContainers', { filter }), 'ListContainers');
      const newest = containers.reduce<(typeof containers)[number] | undefined>(
        (best, next) => (best === undefined || BigInt(next.created_at) > BigInt(best.created_at) ? next : best),
        undefined,
      );
      return newest?.id;
    },
    async exec(containerId, argv, timeoutSeconds) {
      const request = { container_id: containerId, cmd: argv, timeout: timeoutSeconds };
      const answer = await cri.call('ExecSync', request, timeoutSeconds * 1_000 + MARGIN_MS);
      // NotFound: the container has ended and is gone already.
      if (answer === undefined) return { code: undefined, stderr: '' };
      const { exit_code: code, stderr } = checked(execSchema, answer, 'ExecSync');
      return { code, stderr: Buffer.from(stderr).toString('utf8') };
    },
  };
}
