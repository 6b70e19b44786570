/** The node worker's activities, ready to be registered. */
import { withFailpoints } from '../with-failpoints.ts';
import { cniAdd } from './cni/cni-add.ts';
import { cniDelete } from './cni/cni-delete.ts';
import { deleteVxlanLink } from './vxlan/delete-vxlan-link.ts';
import type { CniDeps } from './deps.ts';
import { ensureVxlanLink } from './vxlan/ensure-vxlan-link.ts';
import type {
  DeleteLinkInput,
  DeleteLinkResult,
  LinkInput,
  LookupSandboxInput,
  LookupSandboxResult,
  NodeActivities,
  OpenGateInput,
  OpenGateResult,
  SyncFdbInput,
  SyncFdbResult,
  TakeOverInput,
  TakeOverResult,
} from './network-contract.ts';
import type { InspectInput, InspectResult } from '../../domain/ports/inspect-pod.ts';
import { isNodeMesh } from '../../domain/primary/node-member.ts';
import type { LinkResult } from '../../domain/records.ts';
import { openGate } from './gate.ts';
import { lookIntoPod } from './inspect/inspect-pod.ts';
import { lookupSandbox } from './lookup-sandbox.ts';
import { takeOverForeign } from './cni/take-over-foreign.ts';
import { withHeartbeat, type Step } from './with-heartbeat.ts';

/** The work of each activity without Temporal around it. */
export interface NodeSteps {
  readonly lookupSandbox: Step<LookupSandboxInput, LookupSandboxResult>;
  readonly ensureVxlanLink: Step<LinkInput, LinkResult>;
  readonly deleteVxlanLink: Step<DeleteLinkInput, DeleteLinkResult>;
  readonly cniAdd: Step<LinkInput, LinkResult>;
  readonly cniDelete: Step<DeleteLinkInput, DeleteLinkResult>;
  readonly takeOverForeign: Step<TakeOverInput, TakeOverResult>;
  readonly syncFdb: Step<SyncFdbInput, SyncFdbResult>;
  readonly openGate: Step<OpenGateInput, OpenGateResult>;
  readonly lookIntoPod: Step<InspectInput, InspectResult>;
}

/** Steps throw PodwireError. */
export function createNodeSteps(deps: CniDeps): NodeSteps {
  return withFailpoints<NodeSteps>(
    {
      lookupSandbox: (input, signal) => lookupSandbox(deps, input, signal),
      ensureVxlanLink: (input, signal) => ensureVxlanLink(deps, input, signal),
      deleteVxlanLink: (input, signal) => deleteVxlanLink(deps, input, signal),
      cniAdd: (input, signal) => cniAdd(deps, input, signal),
      cniDelete: (input, signal) => cniDelete(deps, input, signal),
      takeOverForeign: (input, signal) => takeOverForeign(deps, input, signal),
      syncFdb: (input, signal) => (isNodeMesh(input) ? syncNodes(deps, signal) : deps.fdb.syncNetwork(input, signal)),
      openGate: (input, signal) => openGate(input, deps.gateOf(input, signal), signal),
      lookIntoPod: (input, signal) => lookIntoPod(deps, input, signal),
    },
    deps.failpoints,
  );
}

/** Of a worker that runs without --primary by now, others may still think that it is a member. */
const syncNodes = async ({ nodeMesh }: CniDeps, signal: AbortSignal): Promise<SyncFdbResult> =>
  nodeMesh?.sync(signal) ?? { netns: 0, written: 0, removed: 0 };

/** Activities throw ApplicationFailure or CancelledFailure. */
export function createNodeActivities(steps: NodeSteps): NodeActivities {
  return {
    lookupSandbox: withHeartbeat(steps.lookupSandbox),
    ensureVxlanLink: withHeartbeat(steps.ensureVxlanLink),
    deleteVxlanLink: withHeartbeat(steps.deleteVxlanLink),
    cniAdd: withHeartbeat(steps.cniAdd),
    cniDelete: withHeartbeat(steps.cniDelete),
    takeOverForeign: withHeartbeat(steps.takeOverForeign),
    syncFdb: withHeartbeat(steps.syncFdb),
    openGate: withHeartbeat(steps.openGate),
    lookIntoPod: withHeartbeat(steps.lookIntoPod),
  };
}
