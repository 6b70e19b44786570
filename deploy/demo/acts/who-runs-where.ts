/** Act 1: podwire's own pods, as `kubectl` shows them; nothing of podwire runs outside of the cluster. */
import { inSystem } from '../../lab/installed.ts';
import { check, type Act } from '../act.ts';

export interface RunningPart {
  readonly pod: string;
  /** Value of label app.kubernetes.io/name. */
  readonly part: string;
  readonly node: string;
  readonly ready: boolean;
  readonly restarts: number;
}

interface PodList {
  items: {
    metadata: { name: string; labels: Record<string, string>; deletionTimestamp?: string };
    spec: { nodeName: string };
    status: { containerStatuses?: { ready: boolean; restartCount: number }[] };
  }[];
}

export const whoRunsWhere: Act<readonly RunningPart[]> = {
  title: 'podwire runs in the cluster: one worker on every node, and a control plane',
  run: async ({ lab, did, saw }) => {
    did('kubectl -n podwire-system get pods -o wide');
    const parts = runningParts(JSON.parse(await inSystem(lab, ['get', 'pods', '-o', 'json'])) as PodList);
    for (const { pod, node, ready, restarts } of parts)
      saw(`${pod.padEnd(44)} ${ready ? 'ready' : 'NOT READY'}  on ${node}  restarts ${restarts}`);
    const workers = parts.filter(({ part }) => part === 'podwire-node').map(({ node }) => node);
    const missing = lab.nodes.filter(({ name }) => !workers.includes(name)).map(({ name }) => name);
    check(missing.length === 0, `no worker on ${missing.join(', ')}`);
    const unready = parts.filter(({ ready }) => !ready).map(({ pod }) => pod);
    check(unready.length === 0, `not ready: ${unready.join(', ')}`);
    return parts;
  },
};

/** A pod that an update replaces takes its time to end. */
const alive = (items: PodList['items']): PodList['items'] =>
  items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);

const runningParts = ({ items }: PodList): RunningPart[] =>
  alive(items).map(({ metadata, spec, status }) => ({
    pod: metadata.name,
    part: metadata.labels['app.kubernetes.io/name'] ?? '',
    node: spec.nodeName,
    ready:
      (status.containerStatuses ?? []).length > 0 && status.containerStatuses?.every(({ ready }) => ready) === true,
    restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
  }));
