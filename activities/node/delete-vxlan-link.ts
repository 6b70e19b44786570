/** Undoes an attach on the host: removes the link if it is ours, gives an adopted one back after a failed attach. */
import { PodwireError } from '../../domain/failures.ts';
import { planRemoval } from '../../domain/link-removal.ts';
import type { OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import type { NodeDeps } from './deps.ts';
import { readFenced, underSandboxLock } from './fenced-record.ts';
import type { DeleteLinkInput, DeleteLinkResult } from './inputs.ts';
import { openRecorded } from './sandbox-netns.ts';

export function deleteVxlanLink(
  deps: NodeDeps,
  input: DeleteLinkInput,
  signal: AbortSignal,
): Promise<DeleteLinkResult> {
  return underSandboxLock(deps, input, async () => {
    const record = await readFenced(deps, input, ['removing']);
    const netns = await openIfThere(deps, record, signal);
    if (netns === undefined) return { outcome: 'sandbox-gone' };
    try {
      return await deps.fdb.withDevice(record, async (device) => {
        device.forget();
        const plan = planRemoval(await deps.kernel.observe(netns), {
          podUid: record.podUid,
          interfaceName: record.link.interfaceName,
          temporaryName: deps.temporaryName(record.podUid, record.link.interfaceName),
          giveBackAdopted: input.unadopt ?? record.result === undefined,
        });
        await deps.failpoints.hit('deleteVxlanLink:after-observe');
        await deps.kernel.execute(netns, plan.commands);
        await deps.failpoints.hit('deleteVxlanLink:after-remove');
        return { outcome: plan.outcome };
      });
    } finally {
      await netns.close();
    }
  });
}

/** undefined: the sandbox's netns is gone or is somebody else's now, and the link went with it. */
async function openIfThere(
  deps: NodeDeps,
  record: AttachmentRecord,
  signal: AbortSignal,
): Promise<OpenNetns | undefined> {
  if (record.bootId !== deps.bootId) return undefined;
  const sandbox = await deps.runtime.describe(record.sandboxId);
  // The path comes from the runtime; a record alone opens nothing.
  if (sandbox?.podUid !== record.podUid || sandbox.netnsPath !== record.netns.path) return undefined;
  try {
    return await openRecorded(deps, record, signal);
  } catch (error) {
    if (error instanceof PodwireError && (error.code === 'SandboxGone' || error.code === 'SandboxChanged'))
      return undefined;
    throw error;
  }
}
