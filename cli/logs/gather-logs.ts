/** What the parts' logs say about one pod. */
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { loggingParts, readLog, type LogBounds } from '../../adapters/kubernetes/part-logs.ts';
import { podKeys } from '../../adapters/kubernetes/pod-view.ts';
import { getPod } from '../../adapters/kubernetes/pods.ts';
import { PodwireError } from '../../domain/failures.ts';
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import { linesOfPod, mayBeOf, type LogLine } from '../../domain/logs/pod-lines.ts';
import type { DialectSettings } from '../../domain/settings.ts';
import { podText, type PodName } from '../pod-argument.ts';

export interface LogsAsked {
  readonly pod: PodName;
  /** Of podwire's own pods. */
  readonly namespace: string;
  readonly dialect: DialectSettings;
  readonly bounds: LogBounds;
}

interface Told {
  /** What the answer lacks. */
  readonly tell: (problem: string) => void;
  /** What it does not lack. */
  readonly warn: (message: string) => void;
}

/** Logs under way at once: each may be some megabytes. */
const AT_ONCE = 4;
/** More node workers than that are not asked for a pod that nobody knows the node of. */
const MAX_PARTS = 64;

/** By time. @throws PodwireError `ApiUnavailable`: podwire's pods cannot be listed */
export async function gatherLogs(
  kube: KubeClient,
  { pod, namespace, dialect, bounds }: LogsAsked,
  { tell, warn }: Told,
): Promise<readonly LogLine[]> {
  const live = await getPod(kube, podKeys(dialect), pod.namespace, pod.name).catch((error: unknown) => {
    if (!(error instanceof PodwireError)) throw error;
    warn(`${error.message}; the pod is sought by its name, on all nodes`);
    return undefined;
  });
  const node = live === undefined || live.nodeName === '' ? undefined : live.nodeName;
  if (node !== undefined)
    warn(
      `${podText(pod)} is on ${node}: of the node workers only the one there is read, not those of nodes where a pod of this name was before`,
    );
  const parts = await loggingParts(kube, namespace, node);
  if (parts.length === 0)
    tell(
      `no pod of podwire's in namespace ${namespace}: give the one that it runs in (-n). Processes outside of the cluster keep their logs where they are started`,
    );
  if (parts.length > MAX_PARTS)
    tell(`${podText(pod)} has no node now, and there are many: only ${MAX_PARTS} of ${parts.length} logs are read`);
  const sought = { ...pod, uid: live?.uid };
  const reader = { keep: mayBeOf(sought), tell };
  const texts = await allWithLimit(parts.slice(0, MAX_PARTS), AT_ONCE, (part) =>
    readLog(kube, namespace, part, bounds, reader),
  );
  return linesOfPod(texts.flat(), sought);
}
