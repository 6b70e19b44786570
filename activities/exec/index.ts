/** The exec backend's activities: the node's own, over another kernel and through another netns resolver. */
import type { AgentKernel } from '../../domain/ports/agent-kernel.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import { PodwireError } from '../../domain/failures.ts';
import { isExecTarget } from '../../domain/target.ts';
import { deleteVxlanLink } from '../network/vxlan/delete-vxlan-link.ts';
import type { LinkDeps } from '../network/deps.ts';
import { ensureVxlanLink } from '../network/vxlan/ensure-vxlan-link.ts';
import { openGate } from '../network/gate.ts';
import type { NodeSteps } from '../network/index.ts';
import { lookIntoPod } from '../network/inspect/inspect-pod.ts';
import { SandboxLocks } from '../network/sandbox-locks.ts';
import { withFailpoints } from '../with-failpoints.ts';
import { agentGate, createAgentNetnsResolver } from './agent-netns.ts';
import type { AgentEntries } from './agent-entries.ts';

export interface ExecDeps {
  readonly cluster: Pick<Cluster, 'pod'>;
  readonly store: Pick<NodeStore, 'readAttachment' | 'listNodeAttachments'>;
  readonly kernel: AgentKernel;
  readonly entries: AgentEntries;
  readonly failpoints: Failpoints;
  readonly temporaryName: LinkDeps['temporaryName'];
}

/** Steps throw PodwireError. */
export function createExecSteps(deps: ExecDeps): NodeSteps {
  const link: LinkDeps = {
    ...{ store: deps.store, kernel: deps.kernel, failpoints: deps.failpoints, temporaryName: deps.temporaryName },
    serves: isExecTarget,
    netnsResolver: createAgentNetnsResolver(deps),
    sandboxLocks: new SandboxLocks(),
    fdb: deps.entries.fdb,
    gateOf: (input, signal) => agentGate(deps, input, signal),
  };
  return withFailpoints<NodeSteps>(
    {
      // The orchestrator reads a pod's sandbox in the API; nobody has to look it up.
      lookupSandbox: () => unfit('lookupSandbox'),
      ensureVxlanLink: (input, signal) => ensureVxlanLink(link, input, signal),
      deleteVxlanLink: (input, signal) => deleteVxlanLink(link, input, signal),
      cniAdd: () => unfit('cniAdd'),
      cniDelete: () => unfit('cniDelete'),
      takeOverForeign: () => unfit('takeOverForeign'),
      syncFdb: ({ place: target = '', ...network }, signal) => deps.entries.syncNetwork(target, network, signal),
      openGate: (input, signal) => openGate(input, link.gateOf(input, signal), signal),
      lookIntoPod: (input, signal) => lookIntoPod(link, input, signal),
    },
    deps.failpoints,
  );
}

const unfit = (step: string): Promise<never> =>
  Promise.reject(new PodwireError('BackendUnfit', `${step} needs a node worker; the exec backend has none`));
