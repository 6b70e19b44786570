/** Containers of pods as the node's containerd knows them. */
import { must } from './commands.ts';
import type { LabNode } from './lab.ts';

/** First processes of the running containers of that name, seen from the host; one for each pod of the namespace on this node. */
export async function containerPids(node: LabNode, namespace: string, container: string): Promise<number[]> {
  const ctr = (args: readonly string[]): Promise<string> =>
    must('ctr', ['-a', node.criSocket, '-n', 'k8s.io', ...args]);
  const filter = `labels."io.kubernetes.pod.namespace"==${namespace},labels."io.kubernetes.container.name"==${container}`;
  const ids = (await ctr(['containers', 'ls', '-q', filter])).trim().split('\n');
  const pids: number[] = [];
  for (const line of (await ctr(['tasks', 'ls'])).split('\n')) {
    const [id = '', pid, status] = line.trim().split(/\s+/);
    if (status === 'RUNNING' && ids.includes(id)) pids.push(Number(pid));
  }
  return pids;
}
