/** Pods on the node's own network (`hostNetwork: true`): whatever they ask for is refused, once, before anything is tried. */
import type { ParsedSelections, SelectionProblem } from '../network-selection.ts';
import type { PodView } from './pod-view.ts';

/** In a sandbox of the node's network an interface of podwire would be the node's; other mistakes of such a pod do not matter then. */
export function fitForNetwork(parsed: ParsedSelections, pod: PodView): ParsedSelections {
  const asks = parsed.selections.length + parsed.problems.length > 0;
  if (!pod.hostNetwork || !asks) return parsed;
  const problem: SelectionProblem = {
    code: 'HostNetwork',
    message: `the pod uses the node's network (hostNetwork: true), which podwire does not change; remove the annotation, or hostNetwork from the pod's spec`,
  };
  return { ...parsed, selections: [], problems: [problem], warnings: [] };
}
