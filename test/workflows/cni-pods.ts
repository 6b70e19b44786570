/** Pods with CNI networks. */
import type { Harness } from './harness.ts';
import type { TestPod } from './test-pod.ts';

export interface CniPods {
  /** A pod that asks for nothing, with networks that it may ask for. */
  readonly podWith: (...networks: readonly string[]) => Promise<TestPod>;
  /** A pod that has asked for networks out of green, blue and red, when its run has ended. @param npwg its annotation */
  readonly attached: (npwg: string) => Promise<TestPod>;
  /** Its records, `interface network phase`. */
  readonly recorded: (pod: TestPod) => Promise<string[]>;
}

export function cniPods(lab: () => Harness): CniPods {
  const podWith = async (...networks: readonly string[]): Promise<TestPod> => {
    const pod = await lab().pod('');
    for (const network of networks) pod.define(network);
    return pod;
  };
  return {
    podWith,
    attached: async (npwg) => {
      const pod = await podWith('green', 'blue', 'red');
      await pod.select(npwg);
      await pod.ended();
      return pod;
    },
    recorded: async (pod) =>
      (await pod.records())
        .map(({ interfaceName, network, phase }) => `${interfaceName} ${network.name} ${phase}`)
        .sort(),
  };
}
