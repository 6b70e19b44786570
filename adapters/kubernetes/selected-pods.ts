/** Pods that a label key selects, as the command line shows them. */
import type { DialectSettings } from '../../domain/settings.ts';
import { apiPath, type KubeClient } from './client.ts';
import { listAll } from './paged-list.ts';
import { podKeys, podView } from './pod-view.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';

export interface SelectedPod extends PodView {
  /** `none`: the pod has no such container; `running` is what kube-vxlan-controller asks for. */
  readonly agent: 'none' | 'running' | 'not-running';
  readonly running: boolean;
}

const PAGE_SIZE = 500;
const PAGE_DEADLINE_MS = 10_000;

/** In the API's order. @throws PodwireError `ApiUnavailable` */
export async function selectedPods(
  client: KubeClient,
  settings: DialectSettings,
  signal: AbortSignal,
): Promise<SelectedPod[]> {
  const keys = podKeys(settings);
  const { items } = await listAll<SelectedPod>(client, {
    path: apiPath('api', 'v1', 'pods'),
    query: { labelSelector: settings.selector },
    map: (object) => {
      const view = podView(object, keys);
      return view === undefined ? undefined : { ...view, ...stateOf(object, settings.agents.container) };
    },
    signal,
    pageSize: PAGE_SIZE,
    pageDeadlineMs: PAGE_DEADLINE_MS,
  });
  return items.map(({ view }) => view);
}

interface Status {
  readonly phase?: unknown;
  readonly containerStatuses?: unknown;
}

function stateOf(object: unknown, container: string): Pick<SelectedPod, 'agent' | 'running'> {
  const { spec, status } = object as { spec?: { containers?: unknown } | null; status?: Status | null };
  const has = listOf(spec?.containers).some(({ name }) => name === container);
  const found = listOf(status?.containerStatuses).find(({ name }) => name === container);
  const state = found?.['state'];
  const isRunning = typeof state === 'object' && state !== null && 'running' in state;
  return { agent: isRunning ? 'running' : has ? 'not-running' : 'none', running: status?.phase === 'Running' };
}

const listOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value)
    ? value.filter((entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null)
    : [];
