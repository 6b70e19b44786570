/** Which of a pod's desired networks its backend cannot make: refused before anything is tried, with what to do instead. */
import { keepAll } from './keep.ts';
import { askedAs } from './observation.ts';
import type { Dialect, NetworkSelection, ParsedSelections, SelectionProblem } from '../network-selection.ts';
import type { Backend } from '../target.ts';
import type { PodView } from '../pod/pod-view.ts';
import type { AgentSettings } from '../settings.ts';

const dialectsOfLinks = ({ selections }: ParsedSelections): Dialect[] =>
  selections.flatMap(({ kind, dialect }) => (kind === 'vxlan' ? [dialect] : []));

/** The selections that the backend can carry out; the others as problems. */
export function fitForBackend(
  parsed: ParsedSelections,
  pod: PodView,
  backend: Backend,
  settings: AgentSettings,
): ParsedSelections {
  if (backend === 'node') return parsed;
  const hasAgent = (pod.agents ?? []).some(({ role }) => role === 'main');
  const problems: SelectionProblem[] = [];
  const keep = [...parsed.keep];
  const unfit = ({ dialect, network }: NetworkSelection, why: string): void => {
    const cure = `and namespace ${pod.namespace} has backend exec; choose backend node for it`;
    problems.push({
      ...{ code: 'BackendUnfit', dialect, network: network.name },
      message: `network ${network.name}: ${why} need podwire's node worker, ${cure}`,
    });
  };
  const selections = parsed.selections.filter((selection) => {
    if (selection.kind === 'cni') unfit(selection, 'CNI plugins');
    else if (selection.link.pool !== undefined) {
      unfit(selection, 'addresses from a pool');
      // A pool that an object comes to have detaches nothing.
      keep.push(askedAs(selection));
      return false;
    }
    return selection.kind === 'vxlan' && hasAgent;
  });
  if (!hasAgent && parsed.selections.some(({ kind }) => kind === 'vxlan')) {
    problems.push({
      code: 'NoAgentContainer',
      message: `the pod has no container ${settings.container}, in which backend exec works; add it (image with iproute2, capability NET_ADMIN) or choose backend node for namespace ${pod.namespace}`,
    });
    // It says nothing about what is wanted no longer.
    keep.push(...new Set(['openvnf' as const, ...dialectsOfLinks(parsed)].map(keepAll)));
  }
  return { ...parsed, selections, problems: [...parsed.problems, ...problems], keep };
}
