/** The attachment record behind a task, read again under the sandbox's lock: a stale attempt ends here (Fenced). */
import { PodwireError } from '../../domain/failures.ts';
import type { AttachmentPhase, AttachmentRecord } from '../../domain/records.ts';
import type { LinkDeps } from './deps.ts';
import type { LinkInput } from './network-contract.ts';

/** These become parts of etcd keys. */
const NAME = /^(?:exec:)?[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Runs `work` alone for the input's sandbox. @throws PodwireError SandboxBusy, RecordInvalid */
export async function underSandboxLock<T>(deps: LinkDeps, input: LinkInput, work: () => Promise<T>): Promise<T> {
  for (const field of ['node', 'podUid', 'sandboxId', 'interfaceName'] as const) {
    if (!NAME.test(input[field])) {
      throw new PodwireError(
        'RecordInvalid',
        `${field} ${JSON.stringify(input[field])} of the task is not usable; allowed: ${NAME.source}`,
      );
    }
  }
  return deps.sandboxLocks.step(input, work);
}

/**
 * Reads the record and compares it with what the task's sender saw.
 * @throws PodwireError Fenced, RecordInvalid, EtcdUnavailable
 */
export async function readFenced<Kind extends AttachmentRecord['kind']>(
  deps: LinkDeps,
  input: LinkInput,
  kind: Kind,
  phases: readonly AttachmentPhase[],
): Promise<Extract<AttachmentRecord, { kind: Kind }>> {
  if (!deps.serves(input.node)) throw fenced(input, `tasks of ${input.node} are not done here`);
  const stored = await deps.store.readAttachment(input);
  if (stored === undefined) throw fenced(input, 'there is no record any more');
  const record = stored.value;
  if (record.generation !== input.generation || stored.modRevision !== input.modRevision) {
    throw fenced(
      input,
      `the record is at generation ${record.generation}, revision ${stored.modRevision}; the task was for ${input.generation}, ${input.modRevision}`,
    );
  }
  if (!phases.includes(record.phase)) {
    throw fenced(input, `the record is ${record.phase}; needed: ${phases.join(' or ')}`);
  }
  if (!isOfKind(record, kind)) throw fenced(input, `the record is of kind ${record.kind}; needed: ${kind}`);
  return record;
}

const isOfKind = <Kind extends AttachmentRecord['kind']>(
  record: AttachmentRecord,
  kind: Kind,
): record is Extract<AttachmentRecord, { kind: Kind }> => record.kind === kind;

const fenced = (input: LinkInput, why: string): PodwireError =>
  new PodwireError('Fenced', `${input.interfaceName} of pod ${input.podUid}: ${why}; observe again`);
