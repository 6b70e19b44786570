/**
 * A look at the links of one sandbox, for when something changed there: as the sweep compares them, without what takes more than one read of
 * etcd and one of the kernel. CHECK of plugins, leftovers and unknown entries are the sweep's.
 */
import { PodwireError } from '../../../domain/failures.ts';
import type { AttachmentRecord, Stored } from '../../../domain/records.ts';
import { checkKey, driftFindings, type ObservedSandbox } from '../../../domain/sweep/classify.ts';
import type { OnlySandbox } from '../../../domain/sweep/messages.ts';
import { observeSandbox } from './observe-sandbox.ts';
import type { Look, SweepDeps } from './sweep-look.ts';

/** No records: nothing is recorded of this sandbox, or it is not there any more. */
export type SandboxLook = Look;

const GONE = new Set(['SandboxGone', 'SandboxChanged', 'NetnsRefused']);

/** @throws PodwireError EtcdUnavailable, CommandFailed, CommandTimedOut */
export async function lookAtSandbox(
  deps: SweepDeps,
  { podUid, sandboxId }: OnlySandbox,
  signal: AbortSignal,
): Promise<SandboxLook> {
  const { node, bootId, store, memory, temporaryName } = deps;
  const records = (await store.listPodAttachments(node, podUid)).filter(
    ({ value }) => value.sandboxId === sandboxId && value.bootId === bootId,
  );
  const seen = records[0] === undefined ? undefined : await observed(deps, records[0].value, signal);
  const snapshot = {
    ...{ node, bootId, temporaryName, records: seen === undefined ? [] : records },
    ...{ sandboxes: seen === undefined ? [] : [seen], isWhole: false },
    ...{ journal: [], unreadable: [], reservations: [], cacheFiles: [], tombstones: [] },
    ...{ runtime: new Map(), checks: new Map(), strangers: new Map() },
  };
  const findings = memory.seenAmongOthers(driftFindings(snapshot));
  noteSound(deps, snapshot.records, findings);
  return { findings, snapshot };
}

async function observed(
  deps: SweepDeps,
  record: AttachmentRecord,
  signal: AbortSignal,
): Promise<ObservedSandbox | undefined> {
  try {
    return await observeSandbox(deps, record, signal);
  } catch (error) {
    if (error instanceof PodwireError && GONE.has(error.code)) return undefined;
    throw error;
  }
}

function noteSound(
  { memory }: SweepDeps,
  records: readonly Stored<AttachmentRecord>[],
  findings: Look['findings'],
): void {
  const differs = new Set(
    findings.map(({ attachment }) => checkKey(attachment?.sandboxId ?? '', attachment?.interfaceName ?? '')),
  );
  for (const { value } of records) {
    const { sandboxId, interfaceName, phase } = value;
    if (phase === 'attached' && !differs.has(checkKey(sandboxId, interfaceName)))
      memory.soundLink(sandboxId, interfaceName);
  }
}
