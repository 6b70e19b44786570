/** Which lines of the parts' logs are about one pod, and their order. Names of fields are those that the parts write (workers/step-log.ts and others). */

/** A part's process, as people find it. */
export interface LogSource {
  /** `podwire-node`, for example. */
  readonly part: string;
  /** Its pod. */
  readonly pod: string;
  readonly node: string;
}

/** A line as it was read. */
export interface LogText extends LogSource {
  readonly text: string;
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
function readLine({ text, ...source }: LogText): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const { time } = fields;
    return typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? { ...source, time, fields } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a line may be about the pod, without reading it: most are about others, and there may be millions. */
export const mayBeOf =
  ({ name, uid }: SoughtLines) =>
  (text: string): boolean =>
    text.includes(name) || (uid !== undefined && text.includes(uid)) || ID_KEYS.some((key) => text.includes(key));

/** As podwire calls a sandbox, and as CNI does. */
const SANDBOX_KEYS = ['sandboxId', 'containerId'] as const;
const ID_KEYS = ['podUid', ...SANDBOX_KEYS].map((key) => JSON.stringify(key));

/**
 * Lines about the pod, whatever its UID was, by time. What names it by a UID or a sandbox only is found by lines that have its name as well.
 * Only lines in which the name or one of the ids stands somewhere are parsed.
 */
export function linesOfPod(texts: readonly LogText[], { namespace, name, uid }: SoughtLines): readonly LogLine[] {
  const uids = new Set(uid === undefined ? [] : [uid]);
  const sandboxes = new Set<string>();
  const found = new Map<LogText, LogLine>();
  const find = (ids: Iterable<string>, isOfPod: (line: LogLine) => boolean): void => {
    const sought = [...ids];
    for (const each of texts) {
      if (found.has(each) || !sought.some((id) => each.text.includes(id))) continue;
      const line = readLine(each);
      if (line !== undefined && isOfPod(line)) found.set(each, line);
    }
  };
  find([name], (line) => namesPod(line, namespace, name));
  for (const line of found.values()) learn(line, uids);
  find(uids, ({ fields }) => uids.has(fields['podUid'] as string));
  for (const { fields } of found.values())
    for (const id of SANDBOX_KEYS.map((key) => fields[key])) if (typeof id === 'string' && id !== '') sandboxes.add(id);
  find(sandboxes, ({ fields }) => SANDBOX_KEYS.some((key) => sandboxes.has(fields[key] as string)));
  return texts.flatMap((each) => found.get(each) ?? []).sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

function namesPod({ fields }: LogLine, namespace: string, name: string): boolean {
  const { pod, workflowId } = fields;
  if (pod === `${namespace}/${name}`) return true;
  if (typeof workflowId === 'string' && workflowId.startsWith(`pod/${namespace}/${name}/`)) return true;
  const told = pod as { readonly namespace?: unknown; readonly name?: unknown } | null | undefined;
  return told?.namespace === namespace && told.name === name;
}

function learn({ fields: { podUid, pod } }: LogLine, uids: Set<string>): void {
  const told = (pod as { readonly uid?: unknown } | null | undefined)?.uid;
  for (const each of [podUid, told]) if (typeof each === 'string' && each !== '') uids.add(each);
}
