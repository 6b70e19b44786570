/** Which lines of the parts' logs are about one pod, and their order. Names of fields are those that the parts write (workers/step-log.ts and others). */

/** A part's process, as people find it. */
export interface LogSource {
  /** `podwire-node`, for example. */
  readonly part: string;
  /** Its pod. */
  readonly pod: string;
  readonly node: string;
}

export interface LogLine extends LogSource {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** As the part wrote it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface SoughtLines {
  readonly namespace: string;
  readonly name: string;
  /** Of the pod that has the name now; undefined: there is none, or nobody may say. */
  readonly uid: string | undefined;
}

/** A line as pino writes it; undefined for what is none, such as the output of a runtime that ends. */
export function readLine(source: LogSource, text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const { time } = fields;
    return typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? { ...source, time, fields } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Lines about the pod, whatever its UID was, by time. What names it by a UID or a sandbox only is found by lines that have its name as well.
 */
export function linesOfPod(lines: readonly LogLine[], { namespace, name, uid }: SoughtLines): readonly LogLine[] {
  const uids = new Set(uid === undefined ? [] : [uid]);
  const sandboxes = new Set<unknown>();
  const named = (line: LogLine): boolean => namesPod(line, namespace, name);
  for (const line of lines) if (named(line)) learn(line, uids);
  const byUid = (line: LogLine): boolean => named(line) || uids.has(line.fields['podUid'] as string);
  for (const line of lines) {
    if (!byUid(line)) continue;
    for (const key of SANDBOX_KEYS) sandboxes.add(line.fields[key]);
  }
  sandboxes.delete(undefined);
  return lines
    .filter((line) => byUid(line) || SANDBOX_KEYS.some((key) => sandboxes.has(line.fields[key])))
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

/** As podwire calls a sandbox, and as CNI does. */
const SANDBOX_KEYS = ['sandboxId', 'containerId'] as const;

function namesPod({ fields }: LogLine, namespace: string, name: string): boolean {
  const { pod, workflowId } = fields;
  if (pod === `${namespace}/${name}`) return true;
  if (typeof workflowId === 'string' && workflowId.startsWith(`pod/${namespace}/${name}/`)) return true;
  const told = pod as { readonly namespace?: unknown; readonly name?: unknown } | null | undefined;
  return told?.namespace === namespace && told.name === name;
}

function learn({ fields: { podUid, pod } }: LogLine, uids: Set<string>): void {
  const told = (pod as { readonly uid?: unknown } | null | undefined)?.uid;
  for (const each of [podUid, told]) if (typeof each === 'string') uids.add(each);
}
