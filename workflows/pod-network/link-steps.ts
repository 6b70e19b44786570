/** The two activities that touch a pod's interface, by the kind of the attachment. Names of activities and their ids are public. */
import type { DeleteLinkInput, DeleteLinkResult, LinkInput } from '../../activities/network/network-contract.ts';
import type { AttachmentKind } from '../../domain/plan/observation.ts';
import type { LinkResult } from '../../domain/records.ts';
import { CNI_START_TO_CLOSE } from '../steps/activity-options.ts';
import type { NodeStep } from '../steps/run-context.ts';

export interface LinkStep<Input, Output> extends Pick<NodeStep<Output>, 'activityId' | 'startToClose'> {
  /** Of the step, for people. */
  readonly step: string;
  readonly summary: string;
  readonly invoke: (input: Input) => NodeStep<Output>['invoke'];
}

/** @param network for people */
export function attachStep(
  kind: AttachmentKind,
  interfaceName: string,
  network: string,
  node: string,
): LinkStep<LinkInput, LinkResult> {
  return kind === 'vxlan'
    ? {
        step: 'ensure-link',
        activityId: `ensure-link-${interfaceName}`,
        summary: `link ${interfaceName} of ${network} on ${node}`,
        invoke: (input) => (proxy, options) => proxy.ensureVxlanLink.executeWithOptions(options, [input]),
      }
    : {
        step: 'cni-add',
        activityId: `cni-add-${interfaceName}`,
        startToClose: CNI_START_TO_CLOSE,
        summary: `CNI ADD ${interfaceName} of ${network} on ${node}`,
        invoke: (input) => (proxy, options) => proxy.cniAdd.executeWithOptions(options, [input]),
      };
}

/** @param network for people */
export function detachStep(
  kind: AttachmentKind,
  interfaceName: string,
  network: string,
  node: string,
): LinkStep<DeleteLinkInput, DeleteLinkResult> {
  return kind === 'vxlan'
    ? {
        step: 'delete-link',
        activityId: `delete-link-${interfaceName}`,
        summary: `remove ${interfaceName} of ${network} on ${node}`,
        invoke: (input) => (proxy, options) => proxy.deleteVxlanLink.executeWithOptions(options, [input]),
      }
    : {
        step: 'cni-del',
        activityId: `cni-del-${interfaceName}`,
        startToClose: CNI_START_TO_CLOSE,
        summary: `CNI DEL ${interfaceName} of ${network} on ${node}`,
        invoke: (input) => (proxy, options) => proxy.cniDelete.executeWithOptions(options, [input]),
      };
}
