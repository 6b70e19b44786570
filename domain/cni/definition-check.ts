/** Whether what an object defines may be used for an attachment: it exists, its configuration is right and allowed. */
import type { NetworkSelection, SelectionProblem } from '../network-selection.ts';
import type { CniPolicy } from '../settings.ts';
import type { CniCapabilityArgs, CniConfigSource } from './attachment.ts';
import { parseNetworkConfig, type ConfigProblem } from './network-config.ts';
import { capabilityProblems, policyProblems } from './policy.ts';
import { dialectProblem } from './problems.ts';
import { silentMistakes } from './silent-mistakes.ts';

export interface ConfigCheck {
  readonly dialect: NetworkSelection['dialect'];
  /** `namespace/name`. */
  readonly network: string;
  /** Name of the network where the configuration has none. */
  readonly fallbackName: string;
  readonly capabilityArgs: CniCapabilityArgs;
  readonly policy: CniPolicy;
}

/** Judges a configuration for one attachment; an empty list means that it may be used. */
export function configProblems(source: CniConfigSource, check: ConfigCheck): SelectionProblem[] {
  const parsed = parseNetworkConfig(source.text, check.fallbackName);
  const found: readonly ConfigProblem[] = parsed.ok
    ? [
        ...policyProblems(parsed.config, check.policy),
        ...capabilityProblems(parsed.config, check.capabilityArgs),
        ...silentMistakes(source.text, parsed.config, check.capabilityArgs),
      ]
    : parsed.problems;
  return found.map(({ code, key, why }) =>
    dialectProblem(check.dialect, code, { network: check.network, option: key }, why),
  );
}
