/** What a container runtime is told of a pod's primary network (CNI 1.1, section 5, "Result Types": ADD Success). */
import type { JsonObject } from '../cni/attachment.ts';
import type { PodWiring } from './pod-wiring.ts';

const EVERYTHING = { 4: '0.0.0.0/0', 6: '::/0' } as const;
const WHOLE = { 4: 32, 6: 128 } as const;

/**
 * In version 1.1.0: the host end, the pod's end, an address of each family with its gateway, and the default routes.
 *
 * @param netns `CNI_NETNS`
 */
export function primaryResult(wiring: PodWiring, netns: string): JsonObject {
  const { hostName, hostMac, podName, podMac, mtu, addresses } = wiring;
  return {
    cniVersion: '1.1.0',
    interfaces: [
      { name: hostName, mac: hostMac, mtu },
      { name: podName, mac: podMac, mtu, sandbox: netns },
    ],
    ips: addresses.map(({ family, address, gateway }) => ({
      ...{ address: `${address}/${WHOLE[family]}`, gateway, interface: 1 },
    })),
    routes: addresses.map(({ family, gateway }) => ({ dst: EVERYTHING[family], gw: gateway })),
    dns: {},
  };
}
