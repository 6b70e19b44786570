/**
 * The administrator's policy, looked at once more right before a program is started: an orchestrator has looked already, but what it wrote
 * lies in etcd, and whoever may write there must not choose which programs run as root on a node.
 */
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import { hostKeyProblems, policyProblems } from '../../../domain/cni/policy.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { CniJournal } from '../../../domain/ports/cni-journal.ts';
import type { CniCall, CniPlugins } from '../../../domain/ports/cni-plugins.ts';
import type { CniPolicy } from '../../../domain/settings.ts';

type Config = Pick<CniCall, 'configText' | 'networkName' | 'configArgs'>;

/**
 * The same plugins; what is not allowed fails with CniConfigInvalid before anything is started.
 * @param journal of this node: what it says was added here is deleted, whatever the policy has become since
 */
export function allowedPlugins(plugins: CniPlugins, policy: CniPolicy, journal: Pick<CniJournal, 'read'>): CniPlugins {
  const require = (config: Config): void => {
    const problems = problemsOf(config, policy);
    if (problems.length === 0) return;
    const why = `network ${config.networkName}: ${problems.join('; ')}; the node's own policy is looked at, which has to be that of the orchestrators`;
    throw new PodwireError('CniConfigInvalid', why);
  };
  return {
    facts: (text, interfaceName) => plugins.facts(text, interfaceName),
    add: async (call, signal) => {
      require(call);
      return plugins.add(call, signal);
    },
    del: async (call, resultText, signal) => {
      if (!(await wasAdded(journal, call))) require(call);
      return plugins.del(call, resultText, signal);
    },
    check: async (call, resultText, signal) => {
      require(call);
      return plugins.check(call, resultText, signal);
    },
    ready: async (call: Config) => {
      require(call);
      return plugins.ready(call);
    },
    gc: async (configText, networkName, valid, signal) => {
      require({ configText, networkName });
      return plugins.gc(configText, networkName, valid, signal);
    },
  };
}

function problemsOf({ configText, networkName, configArgs = {} }: Config, policy: CniPolicy): string[] {
  const parsed = parseNetworkConfig(configText, networkName);
  const found = parsed.ok ? policyProblems(parsed.config, policy) : parsed.problems;
  return [...found, ...hostKeyProblems(configArgs, policy)].map(({ why }) => why);
}

/** An entry that nobody can read says nothing. */
async function wasAdded(journal: Pick<CniJournal, 'read'>, call: CniCall): Promise<boolean> {
  try {
    const entry = await journal.read(call.sandboxId, call.interfaceName);
    const args = (of: Config): string => JSON.stringify(of.configArgs ?? {});
    return entry?.call.configText === call.configText && args(entry.call) === args(call);
  } catch (error) {
    if (error instanceof PodwireError) return false;
    throw error;
  }
}
