/** Why a living pod does not ask for what its owners seem to ask for: their annotations stand in the wrong place, or came too late. */
import { NPWG_NETWORKS_ANNOTATION, type DialectSettings } from '../settings.ts';
import { placementFindings, type Workload } from './workload.ts';

export interface OriginFinding {
  readonly workload: Workload;
  readonly message: string;
}

/** @param chain the pod, then its owners from the nearest one on */
export function originFindings(chain: readonly Workload[], settings: DialectSettings): OriginFinding[] {
  return [...misplaced(chain, settings), ...notFollowed(chain, settings)];
}

/** Of the topmost owner alone: it is the one that people edit, and those below it repeat what it says. */
function misplaced(chain: readonly Workload[], settings: DialectSettings): OriginFinding[] {
  const judged = chain.map((workload) => ({ workload, found: placementFindings(workload, settings).problems }));
  const topmost = judged.findLast(({ found }) => found.length > 0);
  if (topmost === undefined) return [];
  return topmost.found.map(({ message }) => ({ workload: topmost.workload, message }));
}

const keysOf = ({ annotation }: DialectSettings): readonly string[] => [NPWG_NETWORKS_ANNOTATION, annotation];

/** Whether the pod has an annotation of its own that asks for networks. */
export const asksItself = ({ annotations }: Workload, settings: DialectSettings): boolean =>
  keysOf(settings).some((key) => Object.hasOwn(annotations, key));

/** A template is for pods to come: one that got its annotation later than the pod was made does not reach it. */
function notFollowed([pod, owner]: readonly Workload[], settings: DialectSettings): OriginFinding[] {
  if (pod === undefined || owner === undefined) return [];
  return keysOf(settings)
    .filter((key) => Object.hasOwn(owner.annotations, key) && !Object.hasOwn(pod.annotations, key))
    .map((key) => ({
      workload: owner,
      message: `annotation ${JSON.stringify(key)} stands in ${owner.place}, and this pod, which was made before or has lost it, does not have it; annotate the pod, or delete it for one with the annotation`,
    }));
}
