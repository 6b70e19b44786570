/** A pod's networks, as whoever waits for them is told of them. */
import type { NetworkRow } from '../../domain/messages.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { DesiredAttachment, Observation } from '../../domain/plan/observation.ts';
import type { TaskView } from './progress.ts';

const ATTACHED = 'attached';
const HELD = 'its interface is kept by another network of the pod';

/**
 * @param tasks what the present round shows of its tasks
 * @param isSettled the round has done all that it could: what is not attached then will not be with these inputs
 */
export function networkRows(
  { wished: allDesired, known: recorded }: Observation,
  tasks: readonly TaskView[],
  isSettled: boolean,
): NetworkRow[] {
  const stateOf = (desired: DesiredAttachment): Pick<NetworkRow, 'state' | 'reason'> => {
    const { interfaceName, refused } = desired;
    if (refused !== undefined) return { state: 'refused', reason: refused.message };
    const task = tasks.find((each) => each.interfaceName === interfaceName);
    if (task?.step === ATTACHED) return { state: 'attached' };
    // Without a task of its own the interface is as it should be, or is not begun.
    const isThere = recorded.some(
      (record) =>
        record.interfaceName === interfaceName &&
        record.phase === 'attached' &&
        networkKey(record.network) === networkKey(desired.network),
    );
    if (task === undefined && isThere) return { state: 'attached' };
    if (isSettled || task?.state === 'Refused') return { state: 'refused', reason: task?.note ?? HELD };
    return { state: 'pending', reason: task?.note ?? 'not begun' };
  };
  return allDesired.map((desired) => ({
    interfaceName: desired.interfaceName,
    network: networkKey(desired.network),
    ...stateOf(desired),
  }));
}
