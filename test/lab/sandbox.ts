/** Sandboxes of pods as containerd knows them, and their end by force. */
import { field } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { must } from '../../deploy/lab/commands.ts';
import type { Lab } from '../../deploy/lab/lab.ts';

/** Id of the pod's running sandbox. @throws Error while there is none */
export const sandboxId = async (lab: Lab, pod: PodRef): Promise<string> => (await running(lab, pod)).id;

/** Kills the pause process that holds the pod's network namespace: kubelet makes a new sandbox for the same pod. */
export async function endSandbox(lab: Lab, pod: PodRef): Promise<void> {
  process.kill((await running(lab, pod)).pid, 'SIGKILL');
}

async function running(lab: Lab, pod: PodRef): Promise<{ id: string; pid: number }> {
  const [uid, nodeName] = (await field(lab, pod, '{.metadata.uid} {.spec.nodeName}')).split(' ');
  const node = lab.nodes.find(({ name }) => name === nodeName);
  if (node === undefined) throw new Error(`pod ${pod.name} is on no node of the lab`);
  const ctr = (args: string[]): Promise<string> => must('ctr', ['-a', node.criSocket, '-n', 'k8s.io', ...args]);
  const filter = `labels."io.kubernetes.pod.uid"==${uid},labels."io.cri-containerd.kind"==sandbox`;
  const ids = (await ctr(['containers', 'ls', '-q', filter])).trim().split('\n');
  for (const line of (await ctr(['tasks', 'ls'])).split('\n')) {
    const [id = '', pid, status] = line.trim().split(/\s+/);
    if (ids.includes(id) && status === 'RUNNING') return { id, pid: Number(pid) };
  }
  throw new Error(`pod ${pod.name} has no running sandbox`);
}
