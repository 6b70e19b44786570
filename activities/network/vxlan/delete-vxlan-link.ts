/** Removes the link of an attachment if it is ours, and gives an adopted one back after a failed attach. */
import { planRemoval } from '../../../domain/vxlan/link-removal.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { allEnded } from '../../concurrency/all-ended.ts';
import type { LinkDeps } from '../deps.ts';
import { readFenced, underSandboxLock } from '../fenced-record.ts';
import type { DeleteLinkInput, DeleteLinkResult } from '../network-contract.ts';

export function deleteVxlanLink(
  deps: LinkDeps,
  input: DeleteLinkInput,
  signal: AbortSignal,
): Promise<DeleteLinkResult> {
  return underSandboxLock(deps, input, async () => {
    const record = await readFenced(deps, input, 'vxlan', ['removing']);
    const netns = await deps.netnsResolver.openIfThere(record, signal);
    try {
      return await deps.fdb.withDevice(record, async (device) => {
        device.forget();
        if (netns === undefined) {
          await deps.addresses?.takeBack(record);
          return { outcome: 'sandbox-gone' };
        }
        const plan = planRemoval(await deps.kernel.observe(netns), {
          podUid: uidInRuntime(record),
          interfaceName: record.interfaceName,
          ifindex: record.result?.ifindex,
          temporaryName: deps.temporaryName(uidInRuntime(record), record.interfaceName),
          giveBackAdopted: input.unadopt ?? record.result === undefined,
        });
        await deps.failpoints.hit('deleteVxlanLink:after-observe');
        await allEnded([deps.kernel.execute(netns, plan.commands), device.openToAll(netns)]);
        await deps.failpoints.hit('deleteVxlanLink:after-remove');
        await deps.addresses?.takeBack(record);
        return { outcome: plan.outcome };
      });
    } finally {
      await netns?.close();
    }
  });
}
