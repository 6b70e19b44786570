/**
 * Which commands a pod's run makes (ADR 13). Whoever starts a run names the newest shape that it knows, and the run keeps it for life; a
 * patch marker would cost two events of each run instead.
 */
import { patched } from '@temporalio/workflow';
import { RUN_SHAPE, type PodNetworkInput } from '../domain/messages.ts';

const shapeOf = (pod: PodNetworkInput): number => pod.shape ?? 1;

/**
 * Leaves a run of a newer shape to an orchestrator that knows it: the workflow task fails and is given to the next one.
 * @throws Error
 */
export function refuseUnknownShape(pod: PodNetworkInput): void {
  const shape = shapeOf(pod);
  if (shape > RUN_SHAPE)
    throw new Error(`this orchestrator knows runs up to shape ${RUN_SHAPE}, not ${shape}; update the orchestrators`);
}

/** Shape 2: what follows one another on the control side is one step, and search attributes are written before a wait only. */
export const hasFewSteps = (pod: PodNetworkInput): boolean => shapeOf(pod) >= 2;

/** Shape 3: two steps that follow one another are one local activity, and a run has its search attributes from its start. */
export const joinsSteps = (pod: PodNetworkInput): boolean => shapeOf(pod) >= 3;

/** A refused edit is taken back (ADR 18). Rare enough for a marker of its own: only runs to which it matters ask. */
export const takesBackEdits = (): boolean => patched('edit-is-taken-back');

/** A change of the time of shape 1: part of every later shape, a patch before. */
export const includes = (pod: PodNetworkInput, patch: string): boolean => hasFewSteps(pod) || patched(patch);
