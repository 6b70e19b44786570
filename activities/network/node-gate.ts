/** The gate as the node's container runtime sees it. */
import type { ContainerRuntime } from '../../domain/ports/sandbox-runtime.ts';
import { uidInRuntime } from '../../domain/pod/static-pods.ts';
import type { GateContainer } from './gate.ts';
import type { OpenGateInput } from './network-contract.ts';

const COMMAND_SECONDS = 5;

/** @param containerName of the agent init container: this node's own setting, not the task's word */
export function createNodeGate(
  runtime: ContainerRuntime,
  containerName: string,
): (input: OpenGateInput) => GateContainer {
  return ({ containerId, ...pod }) => {
    // The API writes `containerd://ID`.
    const scheme = /^[a-z0-9+.-]+:\/\//.exec(containerId)?.[0] ?? '';
    const id = containerId.slice(scheme.length);
    return {
      running: async () => {
        const running = await runtime.runningContainer(uidInRuntime(pod), containerName);
        return running === undefined ? undefined : `${scheme}${running}`;
      },
      run: (argv) => runtime.exec(id, argv, COMMAND_SECONDS),
    };
  };
}
