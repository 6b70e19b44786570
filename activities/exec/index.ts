/** The exec backend's activities: the node's own, over another kernel and through another door. */
import type { AgentKernel } from '../../domain/ports/agent-kernel.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import { PodwireError } from '../../domain/failures.ts';
import { isExecPlace } from '../../domain/place.ts';
import { deleteVxlanLink } from '../node/delete-vxlan-link.ts';
import type { LinkDeps } from '../node/deps.ts';
import { ensureVxlanLink } from '../node/ensure-vxlan-link.ts';
import { openGate } from '../node/gate.ts';
import type { NodeSteps } from '../node/index.ts';
import { lookIntoPod } from '../node/look-into-pod.ts';
import { SandboxLocks } from '../node/sandbox-locks.ts';
import { withFailpoints } from '../with-failpoints.ts';
import { agentGate, createAgentDoor } from './agent-door.ts';
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
    serves: isExecPlace,
    door: createAgentDoor(deps),
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
      syncFdb: ({ place = '', ...network }, signal) => deps.entries.syncNetwork(place, network, signal),
      openGate: (input, signal) => openGate(input, link.gateOf(input, signal), signal),
      lookIntoPod: (input, signal) => lookIntoPod(link, input, signal),
    },
    deps.failpoints,
  );
}

const unfit = (step: string): Promise<never> =>
  Promise.reject(new PodwireError('BackendUnfit', `${step} needs a node worker; the exec backend has none`));
