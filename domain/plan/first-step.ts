/** What a plan begins with: the one step of it that can be taken together with the observation it was made from (ADR 16). */
import type { RecordedAttachment, DesiredAttachment } from './observation.ts';
import type { Plan } from './plan.ts';

export type FirstStep =
  | { readonly kind: 'intent'; readonly desired: DesiredAttachment; readonly sandboxId: string }
  | { readonly kind: 'removal'; readonly record: RecordedAttachment };

/** Undefined: there is nothing to be done, or something else comes first. */
export function firstStep(decided: Plan): FirstStep | undefined {
  if (decided.kind !== 'tasks' || decided.held.length > 0) return undefined;
  const [task] = decided.tasks;
  const [record] = task?.remove ?? [];
  if (record !== undefined) return { kind: 'removal', record };
  return task?.attach === undefined
    ? undefined
    : { kind: 'intent', desired: task.attach.desired, sandboxId: task.attach.sandboxId };
}
