/** Logs of podwire's own pods, through the API's `pods/log`. What is read of each is bounded. */
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import { readLine, type LogLine, type LogSource } from '../../domain/logs/pod-lines.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';
import { LineSplitter } from './line-splitter.ts';

export interface LogBounds {
  readonly sinceSeconds: number;
  /** The last so many lines of each container. */
  readonly tailLines: number;
  /** Of each container; the API cuts off what comes after. */
  readonly limitBytes: number;
}

export interface LoggingPart extends LogSource {
  /** Its first container. */
  readonly container: string;
  /** Whether the container ran before, and left a log. */
  readonly restarted: boolean;
}

const NAME_LABEL = 'app.kubernetes.io/name';
/** In the order in which a change passes them. */
const PARTS = ['podwire-watcher', 'podwire-orchestrator', 'podwire-node'];
const MAX_LINE_BYTES = 1024 * 1024;
const LIST_MS = 15_000;
/** A container's log is read from its node's disk, through the kubelet. */
const OPEN_MS = 10_000;
const READ_MS = 20_000;

const podList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
      spec: z.object({
        nodeName: z.string().default(''),
        containers: z.array(z.object({ name: z.string() })).min(1),
      }),
      status: z
        .object({ containerStatuses: z.array(z.object({ restartCount: z.number().default(0) })).default([]) })
        .default({ containerStatuses: [] }),
    }),
  ),
});

/**
 * Processes that may have had to do with pods of a node.
 * @param namespace that podwire runs in
 * @param node undefined: of all nodes
 * @throws PodwireError `ApiUnavailable`
 */
export async function loggingParts(
  kube: KubeClient,
  namespace: string,
  node: string | undefined,
): Promise<readonly LoggingPart[]> {
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'pods');
  const query = { labelSelector: `${NAME_LABEL} in (${PARTS.join(',')})` };
  const what = `list pods of ${namespace}`;
  const parsed = podList.safeParse(bodyOf(await kube.call({ method: 'GET', path, query, deadlineMs: LIST_MS }), what));
  if (!parsed.success) throw new PodwireError('ApiUnavailable', `${what}: the answer is no list of pods`);
  return parsed.data.items
    .map(({ metadata: { name, labels }, spec: { nodeName, containers }, status: { containerStatuses } }) => ({
      ...{ part: labels[NAME_LABEL] ?? '', pod: name, node: nodeName, container: containers[0]?.name ?? '' },
      restarted: containerStatuses.some(({ restartCount }) => restartCount > 0),
    }))
    .filter((each) => each.part !== 'podwire-node' || node === undefined || each.node === node)
    .sort((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part) || a.pod.localeCompare(b.pod));
}

/**
 * The part's lines, oldest first, with those of the container before it was restarted.
 * @param onCut told when there is more than may be read; what is missing is the newest
 * @throws PodwireError `ApiUnavailable`
 */
export async function readLog(
  kube: KubeClient,
  namespace: string,
  part: LoggingPart,
  bounds: LogBounds,
  onCut: () => void,
): Promise<readonly LogLine[]> {
  const read = (previous: boolean): Promise<LogLine[]> =>
    readOne(kube, namespace, part, { ...bounds, previous }, onCut);
  const before = part.restarted ? await read(true) : [];
  return [...before, ...(await read(false))];
}

async function readOne(
  kube: KubeClient,
  namespace: string,
  { part, pod, node, container }: LoggingPart,
  { previous, ...bounds }: LogBounds & { readonly previous: boolean },
  onCut: () => void,
): Promise<LogLine[]> {
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'pods', pod, 'log');
  const limits = Object.fromEntries(Object.entries(bounds).map(([key, value]) => [key, String(value)]));
  const query = { container, ...limits, ...(previous ? { previous: 'true' } : {}) };
  const response = await kube.open({ method: 'GET', path, query, deadlineMs: OPEN_MS });
  const limit = setTimeout(() => response.destroy(new Error(`not read within ${READ_MS / 1_000} s`)), READ_MS);
  const texts: string[] = [];
  let bytes = 0;
  try {
    const splitter = new LineSplitter(MAX_LINE_BYTES);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      texts.push(...splitter.push(chunk));
    }
  } catch (error) {
    throw new PodwireError('ApiUnavailable', `log of ${pod}: ${String((error as Error).message)}`, { cause: error });
  } finally {
    clearTimeout(limit);
    response.destroy();
  }
  const { statusCode = 0 } = response;
  if (statusCode === 200 && bytes >= bounds.limitBytes) onCut();
  if (statusCode === 200) return texts.flatMap((text) => readLine({ part, pod, node }, text) ?? []);
  // 400: no such container yet, or none before this one. 404: the pod is gone.
  if (previous && (statusCode === 400 || statusCode === 404)) return [];
  throw new PodwireError('ApiUnavailable', `log of ${pod}: the API answered ${statusCode}${hintOf(statusCode)}`);
}

const hintOf = (status: number): string =>
  status === 403 || status === 401 ? ': you may not read it; the verb get on pods/log is needed there' : '';
