/** Why podwire does nothing for a pod, or not all that its owner expects. */
import type { ParsedSelections } from '../network-selection.ts';
import type { PodView } from '../pod/pod-view.ts';
import { KALOOM_ANNOTATION, NPWG_NETWORKS_ANNOTATION, type DialectSettings } from '../settings.ts';

interface Surroundings {
  /** podwire is being taken out of the cluster. */
  readonly tornDown: boolean;
  /** Of the pod and the objects that it comes from, where annotations stand in the wrong place. */
  readonly origin: readonly string[];
}

/** Sentences for the pod's owner; none: nothing is in the way. */
export function reasonsLeftAlone(
  pod: PodView,
  parsed: ParsedSelections,
  settings: DialectSettings,
  { tornDown, origin }: Surroundings,
): string[] {
  const asksForNothing = parsed.selections.length === 0 && parsed.problems.length === 0;
  return [
    ...(tornDown ? ['podwire is being taken out of the cluster (podwire teardown --undo takes that back)'] : []),
    ...presence(pod),
    ...dialectsOff(pod, settings),
    ...(asksForNothing ? [`it asks for no network: ${wordsToAsk(settings)}`] : []),
    ...origin,
    ...parsed.problems.map(({ message, code }) => `${message} [${code}]`),
    ...(parsed.foreign ?? []).map(
      ({ interfaceName, network }) => `${interfaceName} (network ${network}) is another runtime's, which attached it`,
    ),
  ];
}

function presence({ hostNetwork, phaseClass, nodeName, podIPs }: PodView): string[] {
  if (hostNetwork) return ['hostNetwork: true: it is on the network of its node, which podwire does not change'];
  if (phaseClass === 'ended') return ['it has ended'];
  if (nodeName === '') return ['it is on no node yet'];
  return phaseClass === 'waiting' || podIPs.length === 0 ? ['it has no address yet: its sandbox is being made'] : [];
}

function dialectsOff({ annotations }: PodView, { npwg, kaloom }: DialectSettings): string[] {
  const off = (isOn: boolean, key: string): string[] =>
    !isOn && Object.hasOwn(annotations, key) ? [`annotation ${key} is not read: its dialect is switched off`] : [];
  return [...off(npwg.enabled, NPWG_NETWORKS_ANNOTATION), ...off(kaloom.enabled, KALOOM_ANNOTATION)];
}

const wordsToAsk = ({ selector, annotation, npwg }: DialectSettings): string =>
  [
    `label ${selector} with annotation ${annotation}`,
    ...(npwg.enabled ? [`annotation ${NPWG_NETWORKS_ANNOTATION}`] : []),
  ].join(', or ');
