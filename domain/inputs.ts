/** Everything that decides about a pod's networks, in one place: the watcher hashes it, the orchestrator plans from it. */
import { canonicalJson } from './canonical-json.ts';
import type { ParsedSelections } from './network-selection.ts';
import { parseSelections, type SelectionsInput } from './openvnf/selections.ts';
import type { PodView } from './pod-view.ts';
import type { IpCodec } from './ports/ip-codec.ts';
import type { DialectSettings } from './settings.ts';

/** To be raised when the same annotation comes to mean something else, so that converged marks of older versions do not match. */
export const INPUTS_VERSION = 1;

export interface DesiredInputs {
  readonly parsed: ParsedSelections;
  /** Deterministic JSON of all inputs (decision 5); its hash is the `inputsHash`. Callers hash it. */
  readonly canonical: string;
}

/**
 * Reads a pod's wishes. Pure and total. Warnings are no input: they change nothing.
 * @param declared the parsed ConfigMap, `absent` when there is none, undefined when it could not be read.
 */
export function desiredInputs(
  pod: PodView,
  declared: SelectionsInput['declared'],
  settings: DialectSettings,
  ip: IpCodec,
): DesiredInputs {
  const parsed = parseSelections({ pod, declared, settings, ip });
  const canonical = canonicalJson({
    v: INPUTS_VERSION,
    selections: parsed.selections.map(({ dialect, network, link }) => ({
      dialect,
      network: { scope: network.scope, name: network.name },
      link: { ...link, routes: link.routes.map((route) => ({ ...route })) },
    })),
    problems: parsed.problems.map(({ code, message }) => ({ code, message })),
    keep: parsed.keep,
    nodeName: pod.nodeName,
    podIPs: pod.podIPs,
    phaseClass: pod.phaseClass,
    hostNetwork: pod.hostNetwork,
  });
  return { parsed, canonical };
}
