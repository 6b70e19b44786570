/**
 * Writes back what the node's journal of CNI attachments says, after podwire's etcd was lost: each record with the configuration of its
 * ADD, so that CHECK and DEL get that one, whatever became of the definition. Nothing on the host is touched, and no plugin runs.
 */
import { findOwnLink } from '../../../domain/cni/own-link.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { podWorkflowId } from '../../../domain/messages.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { IdentifiedNetns } from '../../../domain/ports/link-kernel.ts';
import {
  RECORD_VERSION,
  type CniAttachmentRecord,
  type LinkResult,
  type SandboxRecord,
} from '../../../domain/records.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { madeLink } from './cni-attachment.ts';
import type { CniDeps } from '../deps.ts';
import { eachWithLimit } from '../../../domain/concurrency/with-limit.ts';
import { sandboxRecord } from '../lookup-sandbox.ts';

type RestoreDeps = Pick<CniDeps, 'node' | 'bootId' | 'store' | 'runtime' | 'kernel' | 'plugins' | 'journal'>;

export interface Restored {
  /** Attachments that have their records again. */
  readonly written: number;
  /** Entries of which nothing was written: half done, or without an interface by now. The pod's run or a sweep ends them. */
  readonly left: number;
}

const AT_ONCE = 8;

/** A finished ADD. */
interface Done extends CniJournalEntry {
  readonly resultText: string;
}

/**
 * Safe to repeat: what has a record keeps it.
 * @throws PodwireError EtcdUnavailable, CriUnavailable: then it is not known what is left
 */
export async function restoreJournal(deps: RestoreDeps, signal: AbortSignal): Promise<Restored> {
  const { entries } = await deps.journal.list();
  const done = entries.filter((entry): entry is Done => isDone(entry) && entry.bootId === deps.bootId);
  const outcomes = await eachWithLimit(done, AT_ONCE, (entry) => restore(deps, entry, signal));
  let written = 0;
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') written += outcome.value ? 1 : 0;
    else if (!isGone(outcome.reason)) throw outcome.reason;
  }
  return { written, left: entries.length - written };
}

const isDone = ({ resultText }: CniJournalEntry): boolean => resultText !== undefined;

const GONE = new Set(['SandboxGone', 'SandboxChanged', 'NetnsRefused']);

const isGone = (error: unknown): boolean => error instanceof PodwireError && GONE.has(error.code);

async function restore(deps: RestoreDeps, entry: Done, signal: AbortSignal): Promise<boolean> {
  const { sandboxId, interfaceName } = entry.call;
  const known = await deps.store.readAttachment({ node: deps.node, podUid: entry.podUid, sandboxId, interfaceName });
  if (known !== undefined) return false;
  const details = await deps.runtime.describe(sandboxId);
  if (details === undefined || !details.ready || details.podUid !== uidInRuntime(entry)) return false;
  const sandbox = await sandboxRecord(deps, details, signal);
  if (sandbox === undefined) return false;
  const netns = await deps.kernel.open(sandbox.netns.path, signal);
  try {
    const result = await resultOf(deps, entry, netns);
    if (result === undefined) return false;
    return await deps.store.restoreAttachment(recordOf(deps.node, entry, sandbox, result), {
      ...{ v: RECORD_VERSION, generation: entry.generation, text: entry.resultText },
    });
  } finally {
    await netns.close();
  }
}

async function resultOf(deps: RestoreDeps, entry: Done, netns: IdentifiedNetns): Promise<LinkResult | undefined> {
  const { interfaceName } = entry.call;
  const { own } = findOwnLink((await deps.kernel.observe(netns)).links, interfaceName, entry.made);
  return own === undefined ? undefined : (entry.made ?? madeLink(deps, interfaceName, entry.resultText, own));
}

/** As it was, but for its owner's run, which nobody knows any more. */
function recordOf(node: string, entry: Done, sandbox: SandboxRecord, result: LinkResult): CniAttachmentRecord {
  const { namespace, name, sandboxId, bootId, netns } = sandbox;
  const { podUid, runtimeUid } = entry;
  return {
    ...(runtimeUid === undefined ? {} : { runtimeUid }),
    ...{ v: RECORD_VERSION, kind: 'cni', podUid, namespace, name, node, sandboxId, bootId, netns },
    ...entry.basis,
    interfaceName: entry.call.interfaceName,
    configText: entry.call.configText,
    owner: { workflowId: podWorkflowId({ uid: podUid, namespace, name }), runId: '' },
    generation: entry.generation,
    phase: 'attached',
    result,
  };
}
