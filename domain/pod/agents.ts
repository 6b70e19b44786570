/**
 * kube-vxlan-controller's agent containers in a pod: an init container that holds the pod's start until its networks are there, and
 * one that runs beside the others.
 */
import type { Backend } from '../target.ts';
import type { PodView } from './pod-view.ts';

export interface AgentContainer {
  readonly role: 'init' | 'main';
  readonly name: string;
  /** Id of the instance that runs now; empty while none does. */
  readonly runningId: string;
}

/** Which container a task of the exec backend was meant for: the id is the fence, a name leads to whatever runs under it. */
export interface AgentIdentity {
  readonly container: string;
  readonly containerId: string;
}

/** The agent container that runs; the init agent only until the other one does. */
export function runningAgent(pod: PodView): AgentIdentity | undefined {
  const running = (pod.agents ?? []).filter(({ runningId }) => runningId !== '');
  const agent = running.find(({ role }) => role === 'main') ?? running[0];
  return agent === undefined ? undefined : { container: agent.name, containerId: agent.runningId };
}

/** The init agent that waits for the pod's networks, if it does. */
export function shutGate(pod: PodView): AgentIdentity | undefined {
  const init = (pod.agents ?? []).find(({ role, runningId }) => role === 'init' && runningId !== '');
  return init === undefined ? undefined : { container: init.name, containerId: init.runningId };
}

/**
 * A sandbox as far as the API shows one. Its netns cannot be identified from outside the node; its address can: one that is made anew
 * gets another, or its agent containers get other ids.
 */
export function execSandboxId(pod: PodView): string | undefined {
  const ip = pod.podIPs[0];
  return ip === undefined ? undefined : `ip-${ip.replaceAll(':', '-')}`;
}

/** What of the agent containers decides about a pod's networks: nothing of them for the node backend but a gate that is shut. */
export function agentInputs(pod: PodView, backend: Backend): Readonly<Record<string, string>> | undefined {
  const gate = shutGate(pod);
  if (backend === 'node') return gate === undefined ? undefined : { gate: gate.containerId };
  const agent = runningAgent(pod);
  const declared = (pod.agents ?? []).some(({ role }) => role === 'main');
  return { backend, agent: agent?.containerId ?? '', declared: String(declared) };
}
