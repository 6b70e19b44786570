/**
 * The exec backend's way into a pod's netns. A pod's UID, its address and the id of its agent container are all that the API tells of a
 * sandbox: they are compared when an operation begins, and again when its program already waits in the container, right before it gets
 * something to do. What a node can check, the netns itself, cannot be seen from here.
 */
import { execSandboxId, runningAgent, shutGate, type AgentIdentity } from '../../domain/pod/agents.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { AgentKernel } from '../../domain/ports/agent-kernel.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import type { NetnsResolver } from '../network/deps.ts';
import type { GateContainer } from '../network/gate.ts';
import type { OpenGateInput } from '../network/network-contract.ts';

export interface AgentNetnsDeps {
  readonly cluster: Pick<Cluster, 'pod'>;
  readonly kernel: Pick<AgentKernel, 'openAgent' | 'runInAgent'>;
}

/** A pod by its identity. */
interface Sought {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
}

export function createAgentNetnsResolver(deps: AgentNetnsDeps): NetnsResolver {
  return {
    async open(_task, reading, signal) {
      const record = await reading;
      const pod = await livePod(deps, record);
      if (pod === undefined) throw gone(record, 'the pod is gone');
      const agent = runningAgent(pod);
      if (agent === undefined) throw gone(record, 'none of its agent containers runs');
      if (execSandboxId(pod) !== record.sandboxId)
        throw changed(record, `its address is ${pod.podIPs[0] ?? 'none'} now`);
      if (agent.containerId !== record.agent?.containerId) throw changed(record, `${agent.container} was started anew`);
      return open(deps, record, agent, signal);
    },
    openIfThere: (record, signal) => openIfThere(deps, record, signal),
    async openToInspect(sought, signal) {
      const pod = await livePod(deps, sought);
      const agent = pod === undefined ? undefined : runningAgent(pod);
      if (agent === undefined) throw gone(sought, 'no agent container of it runs');
      return open(deps, sought, agent, signal);
    },
  };
}

/**
 * The netns is entered also when the pod has another address by now: what is to be removed carries the pod's UID.
 * @throws PodwireError SandboxNotReady while the pod lives and no agent container runs
 */
async function openIfThere(
  deps: AgentNetnsDeps,
  record: AttachmentRecord,
  signal: AbortSignal,
): Promise<OpenNetns | undefined> {
  const pod = await livePod(deps, record);
  if (pod === undefined) return undefined;
  const agent = runningAgent(pod);
  if (agent !== undefined) return open(deps, record, agent, signal);
  throw new PodwireError(
    'SandboxNotReady',
    `no agent container of pod ${record.namespace}/${record.name} runs; goes on when one does`,
  );
}

/** The pod of that UID while it counts. */
async function livePod({ cluster }: AgentNetnsDeps, sought: Sought): Promise<PodView | undefined> {
  const pod = await cluster.pod(sought.namespace, sought.name);
  return pod?.uid === sought.podUid && pod.phaseClass === 'counts' ? pod : undefined;
}

function open(deps: AgentNetnsDeps, sought: Sought, agent: AgentIdentity, signal: AbortSignal): OpenNetns {
  return deps.kernel.openAgent({ ...targetOf(sought, agent.container), verify: verifier(deps, sought, agent), signal });
}

const targetOf = ({ namespace, name }: Sought, container: string) => ({ namespace, pod: name, container });

/** A pod of the same name may have come, and another container under the same name: neither is what was meant. */
function verifier(deps: AgentNetnsDeps, sought: Sought, agent: AgentIdentity): () => Promise<void> {
  return async () => {
    const pod = await livePod(deps, sought);
    if (pod === undefined) throw gone(sought, 'the pod is gone');
    const running = (pod.agents ?? []).some(({ runningId }) => runningId === agent.containerId);
    if (!running) throw changed(sought, `${agent.container} does not run any more as it did`);
  };
}

/** The agent init container of a task, through the API. */
export function agentGate(deps: AgentNetnsDeps, input: OpenGateInput, signal: AbortSignal): GateContainer {
  const read = async (): Promise<AgentIdentity | undefined> => {
    const pod = await livePod(deps, input);
    return pod === undefined ? undefined : shutGate(pod);
  };
  return {
    running: async () => (await read())?.containerId,
    async run(argv) {
      const agent = await read();
      if (agent?.containerId !== input.containerId) return { code: undefined, stderr: '' };
      const target = { ...targetOf(input, agent.container), verify: verifier(deps, input, agent), signal };
      return deps.kernel.runInAgent(target, argv);
    },
  };
}

const gone = ({ namespace, name }: Sought, why: string): PodwireError =>
  new PodwireError('SandboxGone', `pod ${namespace}/${name}: ${why}`);

const changed = ({ namespace, name }: Sought, why: string): PodwireError =>
  new PodwireError('SandboxChanged', `pod ${namespace}/${name}: ${why}; observe again`);
