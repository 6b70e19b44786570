/**
 * Whether the plugin of a Kaloom network gave the interface the MAC that `ifMac` asks for. CNI_ARGS carry it, as from podagent: a plugin
 * promises nothing about them, so one that does not read them is told to the pod's owner and no reason to refuse the network.
 */
import type { AttachmentRecord, StepFailure } from '../records.ts';

/** The pair of CNI_ARGS that says what was asked for; its value is empty when nothing was. */
export const IF_MAC_ARG = 'K8S_POD_IFMAC';

/** What the owner of an attached interface is told; undefined: it has the MAC, or none was asked for. */
export function ignoredMac(record: AttachmentRecord): StepFailure | undefined {
  if (record.kind !== 'cni' || record.dialect !== 'kaloom' || record.phase !== 'attached') return undefined;
  const asked = record.cni.args.find(([key]) => key === IF_MAC_ARG)?.[1] ?? '';
  const given = record.result?.mac ?? '';
  if (asked === '' || given === '' || asked.toLowerCase() === given.toLowerCase()) return undefined;
  return {
    code: 'MacIgnored',
    message: `ifMac ${asked} was asked for, the interface has ${given}: the plugin of network ${record.network.name} does not read a MAC address from CNI_ARGS; take one that does (bridge, macvlan), or leave ifMac out`,
  };
}
