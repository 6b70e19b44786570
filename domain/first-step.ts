/** What a plan begins with: the one step of it that can be taken together with the observation it was made from (ADR 16). */
import type { KnownAttachment, WishedAttachment } from './observation.ts';
import type { Plan } from './plan.ts';

export type FirstStep =
  | { readonly kind: 'intent'; readonly wish: WishedAttachment; readonly sandboxId: string }
  | { readonly kind: 'removal'; readonly record: KnownAttachment };

/** Undefined: there is nothing to be done, or something else comes first. */
export function firstStep(decided: Plan): FirstStep | undefined {
  if (decided.kind !== 'lanes' || decided.held.length > 0) return undefined;
  const [lane] = decided.lanes;
  const [record] = lane?.remove ?? [];
  if (record !== undefined) return { kind: 'removal', record };
  return lane?.attach === undefined
    ? undefined
    : { kind: 'intent', wish: lane.attach.wish, sandboxId: lane.attach.sandboxId };
}
