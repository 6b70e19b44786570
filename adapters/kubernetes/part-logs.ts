/** Logs of podwire's own pods, through the API's `pods/log`. What is read of each is bounded. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { LogSource, LogText } from '../../domain/logs/pod-lines.ts';
import { apiPath, type KubeClient } from './client.ts';
import { listOwnPods, ownPodMetadata, partOf } from './own-pods.ts';
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
  /** Whether there may be a log of the container before this one. */
  readonly restarted: boolean;
}

export interface LogReader {
  /** Whether a line is of any use; the others are not held. */
  readonly keep: (text: string) => boolean;
  /** Told what is missing, and how to have it. */
  readonly tell: (problem: string) => void;
}

/** In the order in which a change passes them. */
const PARTS = ['podwire-watcher', 'podwire-orchestrator', 'podwire-node'];
const MAX_LINE_BYTES = 1024 * 1024;
const LIST_MS = 15_000;
/** A container's log is read from its node's disk, through the kubelet. */
const OPEN_MS = 10_000;
const READ_MS = 20_000;

const containerStatus = z.object({
  name: z.string(),
  restartCount: z.number().default(0),
  state: z.object({ running: z.unknown().optional(), terminated: z.unknown().optional() }).default({}),
});

const podSchema = z.object({
  metadata: ownPodMetadata,
  spec: z.object({
    nodeName: z.string().default(''),
    containers: z.array(z.object({ name: z.string() })).min(1),
  }),
  status: z.object({ containerStatuses: z.array(containerStatus).default([]) }).default({ containerStatuses: [] }),
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
  return (await listOwnPods(kube, namespace, PARTS, podSchema, LIST_MS))
    .map(({ metadata, spec: { nodeName, containers }, status: { containerStatuses } }) => {
      const container = containers[0]?.name ?? '';
      const restarted = containerStatuses.some((status) => status.name === container && hasLogBefore(status));
      return { part: partOf(metadata), pod: metadata.name, node: nodeName, container, restarted };
    })
    .filter((each) => each.part !== 'podwire-node' || node === undefined || each.node === node)
    .sort((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part) || a.pod.localeCompare(b.pod));
}

/** While a container waits to be started again, the kubelet gives the log of the last one for its own as well. */
const hasLogBefore = ({ restartCount, state }: z.output<typeof containerStatus>): boolean =>
  restartCount > 0 && (state.running !== undefined || state.terminated !== undefined);

/** The part's lines, oldest first, with those of the container before it was restarted. What cannot be read is told, the rest is read all the same. */
export async function readLog(
  kube: KubeClient,
  namespace: string,
  part: LoggingPart,
  bounds: LogBounds,
  { keep, tell }: LogReader,
): Promise<readonly LogText[]> {
  const logs: LogText[][] = [];
  for (const previous of part.restarted ? [true, false] : [false]) {
    const about = `log of ${part.pod}${previous ? ' before its restart' : ''}`;
    const reader = { keep, tell: (problem: string): void => tell(`${about}: ${problem}`) };
    try {
      logs.push(await readOne(kube, namespace, part, { ...bounds, previous }, reader));
    } catch (error) {
      if (!(error instanceof PodwireError)) throw error;
      reader.tell(error.message);
    }
  }
  return logs.flat();
}

/** @throws PodwireError `ApiUnavailable`: nothing can be read */
async function readOne(
  kube: KubeClient,
  namespace: string,
  { part, pod, node, container }: LoggingPart,
  { previous, ...bounds }: LogBounds & { readonly previous: boolean },
  { keep, tell }: LogReader,
): Promise<LogText[]> {
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'pods', pod, 'log');
  const limits = Object.fromEntries(Object.entries(bounds).map(([key, value]) => [key, String(value)]));
  const query = { container, ...limits, ...(previous ? { previous: 'true' } : {}) };
  const response = await kube.open({ method: 'GET', path, query, deadlineMs: OPEN_MS });
  const { statusCode = 0 } = response;
  if (statusCode !== 200) {
    response.destroy();
    // 400: no such container yet, or none before this one. 404: the pod is gone.
    if (previous && (statusCode === 400 || statusCode === 404)) return [];
    throw new PodwireError('ApiUnavailable', `the API answered ${statusCode}${hintOf(statusCode)}`);
  }
  const texts: LogText[] = [];
  const { lines, bytes, cut } = await readLines(response, (text) => {
    if (keep(text)) texts.push({ part, pod, node, text });
  });
  if (cut !== undefined) tell(`only its first ${bytes} bytes were read (${cut}); ask for less (--since, --tail)`);
  else if (bytes >= bounds.limitBytes)
    tell(`only its first ${bounds.limitBytes} bytes were read; ask for less (--since, --tail) or more (--limit-bytes)`);
  if (lines >= bounds.tailLines)
    tell(`only its last ${bounds.tailLines} lines were read; ask for more (--tail) or less (--since)`);
  return texts;
}

interface ReadLines {
  readonly lines: number;
  readonly bytes: number;
  /** Why the end is missing. */
  readonly cut?: string;
}

/** What has been read when the stream breaks off counts. */
async function readLines(response: IncomingMessage, take: (text: string) => void): Promise<ReadLines> {
  const limit = setTimeout(() => response.destroy(new Error(`not read within ${READ_MS / 1_000} s`)), READ_MS);
  const splitter = new LineSplitter(MAX_LINE_BYTES);
  let [lines, bytes] = [0, 0];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      for (const text of splitter.push(chunk)) {
        lines += 1;
        take(text);
      }
    }
    return { lines, bytes };
  } catch (error) {
    return { lines, bytes, cut: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(limit);
    response.destroy();
  }
}

const hintOf = (status: number): string =>
  status === 403 || status === 401 ? ': you may not read it; the verb get on pods/log is needed there' : '';
