/** What one sandbox's network namespace holds, found by what was recorded of it. */
import type { AttachmentRecord, SandboxRecord } from '../../../domain/records.ts';
import type { ObservedSandbox } from '../../../domain/sweep/classify.ts';
import { openRecorded } from '../sandbox-netns.ts';
import type { SweepDeps } from './sweep-look.ts';

/** @throws PodwireError SandboxGone, SandboxChanged, NetnsRefused, CommandFailed, CommandTimedOut */
export async function observeSandbox(
  deps: Pick<SweepDeps, 'kernel'>,
  recorded: SandboxRecord | AttachmentRecord,
  signal: AbortSignal,
): Promise<ObservedSandbox> {
  const netns = await openRecorded(deps, recorded, signal);
  try {
    const { podUid: uid, namespace, name, sandboxId } = recorded;
    return { sandboxId, pod: { uid, namespace, name }, view: await deps.kernel.observe(netns) };
  } finally {
    await netns.close();
  }
}
