/** The intent of an attachment: made from what the pod asks for now, and written before the first side effect. */
import { holderNamed } from '../../domain/plan/address-claims.ts';
import { execSandboxId, runningAgent } from '../../domain/pod/agents.ts';
import { blockedOnOf, textHash, type BlockedOn } from '../../domain/plan/blocked-on.ts';
import { configProblems } from '../../domain/cni/definition-check.ts';
import { configNamed, noNodeConfig } from '../../domain/cni/node-configs.ts';
import { PodwireError, type FailureCode } from '../../domain/failures.ts';
import { attachmentKey } from '../../domain/keys.ts';
import { lastGoodOf, tunnelsLeft } from '../../domain/plan/last-good.ts';
import { nameIn, networkKey, type NetworkSelection, type VxlanSelection } from '../../domain/network-selection.ts';
import { isExecTarget } from '../../domain/target.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import { claimsTunnel } from '../../domain/plan/published-claims.ts';
import type { IntentOutcome } from '../../domain/ports/record-store.ts';
import {
  EXEC_NETNS,
  madeWith,
  RECORD_VERSION,
  tunnelOf,
  type AttachmentRecord,
  type SandboxRecord,
  type Stored,
  type VxlanAttachmentRecord,
} from '../../domain/records.ts';
import { readDesiredState, vtepOf, type DesiredState } from './desired-state.ts';
import { ofRecord, ofSelection } from './fingerprints.ts';
import type { IntentInput, IntentResult } from './control-contract.ts';
import type { ObserveDeps } from './observe-pod.ts';
import { inSandbox, publishedSandbox, withSandbox } from './published-sandbox.ts';
import { wakeWaiting, type WakeDeps } from './wake-waiting.ts';

type IntentDeps = ObserveDeps & Pick<WakeDeps, 'signals'>;

/** Finds the desired network again and writes its intent, as `ControlSteps.recordIntent`. */
export async function recordIntent(deps: IntentDeps, input: IntentInput): Promise<IntentResult> {
  const key = attachmentKey({ ...input, podUid: input.uid });
  const observed = deps.recent.get(input.uid, input.inputsHash);
  if (observed === undefined) return intentFrom(deps, input, await readAll(deps, input, key));
  const { desiredState, recorded } = observed;
  // The first intent of an interface is written only if there is still no record: what the observation saw is enough for a try.
  if (!recorded.attachments.some((stored) => stored.key === key)) {
    const result = await intentFrom(deps, input, { desiredState, published: recorded.sandbox, previous: undefined });
    if (result.kind !== 'stale') return result;
  }
  const [published, previous] = await Promise.all([
    isExecTarget(input.node) ? undefined : publishedSandbox(deps.records, desiredState.pod, input.node),
    deps.records.attachment(key),
  ]);
  return intentFrom(deps, input, { desiredState, published, previous });
}

/** What an intent is made from. */
interface IntentBasis {
  readonly desiredState: DesiredState | undefined;
  readonly published: SandboxRecord | undefined;
  readonly previous: Stored<AttachmentRecord> | undefined;
}

/** Reads the pod and its records again, because nothing is remembered of the observation. */
async function readAll(deps: IntentDeps, input: IntentInput, key: string): Promise<IntentBasis> {
  const [reading, byUid] = await Promise.all([readDesiredState(deps, input), deps.records.pod(input.uid, input.node)]);
  const recorded = await withSandbox(deps.records, reading?.pod, input.node, byUid);
  const { attachments, sandbox: published } = recorded;
  const previous = attachments.find((stored) => stored.key === key);
  const desiredState = reading === undefined ? undefined : inSandbox(reading.beside(recorded), recorded);
  return { desiredState, published, previous };
}

async function intentFrom(
  deps: IntentDeps,
  input: IntentInput,
  { desiredState, published, previous }: IntentBasis,
): Promise<IntentResult> {
  if (desiredState === undefined || desiredState.inputsHash !== input.inputsHash)
    return { kind: 'stale', reason: 'the pod or its networks changed' };
  const selection = selectionOf(desiredState, input);
  const vtep = vtepOf(desiredState.pod);
  if (selection === undefined || vtep === undefined)
    return { kind: 'stale', reason: 'the network is not asked for any more' };
  const sandbox = sandboxFor(input, desiredState, published);
  if (sandbox === undefined || sandbox.sandboxId !== input.sandboxId)
    return { kind: 'stale', reason: 'the sandbox changed' };
  // A lost etcd may have been filled again in between: an ADD would first take away the interface that is there.
  if (previous?.value.phase === 'attached' && previous.value.generation !== input.knownGeneration)
    return { kind: 'stale', reason: 'the interface was attached meanwhile' };

  const resolved = await withNodeConfig(deps, input.node, selection);
  if ('code' in resolved) return repairAsItWas(deps, selection, previous) ?? { kind: 'refused', ...resolved };
  const record = intentRecord({ input, sandbox, vtep, selection: resolved.selection, previous });
  const result = await writeWithFollowers(deps, record, previous, isClaimedBy(desiredState.pod, record));
  return result.kind === 'recorded' ? { ...result, ...blockedOnOf(resolved) } : result;
}

/** When a network changes its tunnel, its other pods that wait for the new tunnel change at the same time. */
async function writeWithFollowers(deps: IntentDeps, ...written: IntentWrite): Promise<IntentResult> {
  const [record] = written;
  const result = await write(deps, ...written);
  if (result.kind === 'recorded' && record.kind === 'vxlan' && record.replaces !== undefined)
    await wakeWaiting(deps, { network: record.network, tunnels: [], addresses: [] });
  return result;
}

type IntentWrite = readonly [
  record: AttachmentRecord,
  previous: Stored<AttachmentRecord> | undefined,
  isClaimed: boolean,
];

async function write(deps: ObserveDeps, ...[record, previous, isClaimed]: IntentWrite): Promise<IntentResult> {
  if (previous !== undefined && isSameIntent(deps, previous.value, record)) {
    return { kind: 'recorded', generation: previous.value.generation, modRevision: previous.modRevision };
  }
  if (previous !== undefined && previous.value.phase === 'removing')
    return { kind: 'stale', reason: 'the interface is being removed' };
  return intentResult(record, await deps.records.recordIntent(record, previous, isClaimed));
}

const isClaimedBy = ({ publishedStatus }: PodView, record: AttachmentRecord): boolean =>
  record.kind === 'vxlan' && claimsTunnel(publishedStatus, record);

/** A working attachment is not given up because a file of the node went away: it is made anew with the text that it was made with before. */
function repairAsItWas(
  deps: ObserveDeps,
  selection: NetworkSelection,
  previous: Stored<AttachmentRecord> | undefined,
): IntentResult | undefined {
  if (previous === undefined || selection.kind !== 'cni') return undefined;
  const { value, modRevision } = previous;
  const isBeingRepaired =
    value.kind === 'cni' &&
    value.phase === 'intent' &&
    value.result !== undefined &&
    ofRecord(deps.hash, value).linkHash === ofSelection(deps.hash, selection, '').linkHash;
  return isBeingRepaired ? { kind: 'recorded', generation: value.generation, modRevision } : undefined;
}

/** A definition without a configuration means a file of the pod's node. The file's text is kept with the intent, as a definition's is. */
async function withNodeConfig(
  { records, settings, hash }: ObserveDeps,
  node: string,
  selection: NetworkSelection,
): Promise<
  BlockedOn & ({ readonly selection: NetworkSelection } | { readonly code: FailureCode; readonly message: string })
> {
  if (selection.kind !== 'cni' || selection.config.text !== '') return { selection };
  const { dialect, network, cni, config } = selection;
  const offered = await records.nodeConfigs(node);
  const found = configNamed(offered, network.name);
  const waitsForConfig = { node, name: network.name, refused: textHash(found?.text, hash) };
  if (found === undefined)
    return { code: 'CniConfigInvalid', message: noNodeConfig(node, network.name, offered), waitsForConfig };
  const source = { uid: config.uid, text: found.text };
  const { capabilityArgs } = cni;
  const check = {
    dialect,
    network: network.name,
    fallbackName: network.name,
    capabilityArgs,
    policy: settings.cniPolicy,
  };
  const problems = configProblems(source, check);
  if (problems.length === 0) return { selection: { ...selection, config: source }, waitsForConfig };
  const why = problems.map(({ message }) => message).join('; ');
  return { code: 'CniConfigInvalid', message: `file ${found.file} of node ${node}: ${why}`, waitsForConfig };
}

/** The selection behind a desired network. Equal inputs give equal selections, so the selection's place among them is enough. */
function selectionOf(
  { parsed }: DesiredState,
  { interfaceName, selection }: IntentInput,
): NetworkSelection | undefined {
  const found = parsed.selections[selection];
  return found !== undefined && ['', interfaceName].includes(nameIn(found)) ? found : undefined;
}

function intentResult(record: AttachmentRecord, outcome: IntentOutcome): IntentResult {
  switch (outcome.kind) {
    case 'recorded':
      return { kind: 'recorded', generation: record.generation, modRevision: outcome.stored.modRevision };
    case 'raced':
      return { kind: 'stale', reason: 'the record was written by somebody else' };
    case 'rebuilding':
      throw new PodwireError(
        'StoreRebuilding',
        `podwire's etcd was begun anew, and what was attached before is still being written back; ${askedFor(record)} is attached after that`,
      );
    case 'vni-taken':
      return {
        kind: 'refused',
        code: 'VniTaken',
        waitsForVni: outcome.tunnel,
        message: `${askedFor(record)} belongs to network ${outcome.owner}; choose a free id, or wait until ${outcome.owner} has no members`,
      };
    case 'address-taken': {
      const { namespace, name } = holderNamed(outcome.holder);
      return {
        kind: 'refused',
        code: 'AddressTaken',
        waitsForAddress: outcome.address,
        message: `network ${networkKey(record.network)}: address ${outcome.address} belongs to pod ${namespace}/${name}; choose a free ip, or wait until that pod has left the network`,
      };
    }
    case 'vni-fixed':
      return {
        kind: 'refused',
        code: 'VniFixed',
        waitsForTunnel: outcome.tunnel,
        message: `${askedFor(record)} differs from ${outcome.inUse} (port/id), which other pods of this network use; a network has one id while it has members, and goes over to another one when all of them ask for that`,
      };
  }
}

function askedFor(record: AttachmentRecord): string {
  const network = `network ${networkKey(record.network)}`;
  return record.kind === 'vxlan' ? `${network}: id=${record.link.vni} (UDP port ${record.link.dstPort})` : network;
}

type SandboxParts = Pick<AttachmentRecord, 'runtimeUid' | 'sandboxId' | 'bootId' | 'netns' | 'agent'>;

function sandboxFor(
  { node, uid }: IntentInput,
  desiredState: DesiredState,
  published: SandboxRecord | undefined,
): SandboxParts | undefined {
  if (isExecTarget(node)) return sandboxInApi(desiredState);
  if (published === undefined) return undefined;
  const { podUid, sandboxId, bootId, netns } = published;
  return { ...(podUid === uid ? {} : { runtimeUid: podUid }), sandboxId, bootId, netns };
}

function sandboxInApi({ pod }: DesiredState): SandboxParts | undefined {
  const sandboxId = execSandboxId(pod);
  const agent = runningAgent(pod);
  if (sandboxId === undefined || agent === undefined) return undefined;
  return { sandboxId, bootId: '', netns: EXEC_NETNS, agent };
}

interface IntentParts {
  readonly input: IntentInput;
  readonly sandbox: SandboxParts;
  readonly vtep: string;
  readonly selection: NetworkSelection;
  readonly previous: Stored<AttachmentRecord> | undefined;
}

function intentRecord({ input, sandbox, vtep, selection, previous }: IntentParts): AttachmentRecord {
  const { interfaceName } = input;
  const base = {
    v: RECORD_VERSION,
    podUid: input.uid,
    namespace: input.namespace,
    name: input.name,
    node: input.node,
    ...sandbox,
    network: selection.network,
    interfaceName,
    owner: input.owner,
    generation: (previous?.value.generation ?? 0) + 1,
    phase: 'intent' as const,
    // A link that was made before stays podwire's to remove while it is being changed.
    ...(previous?.value.result === undefined ? {} : { result: previous.value.result }),
  };
  if (selection.kind === 'vxlan') {
    const replaces = replacedBy(selection, previous?.value);
    const lastGood = lastGoodOf(previous?.value, selection.network);
    return {
      ...base,
      kind: 'vxlan',
      link: { ...selection.link, interfaceName },
      ...(replaces.length === 0 ? {} : { replaces }),
      ...(lastGood === undefined ? {} : { lastGood }),
      ...keptMacOf(selection, previous?.value),
      vtep,
      ...(selection.through === undefined ? {} : { through: selection.through }),
    };
  }
  const { dialect, cni, config } = selection;
  const named = { ...cni, interfaceName };
  const made = madeWith(previous?.value);
  return {
    ...base,
    kind: 'cni',
    dialect,
    cni: named,
    definitionUid: config.uid,
    configText: config.text,
    // The definition holds for the next ADD. The earlier interface is removed with the configuration that made it.
    ...(made === undefined ? {} : { madeWith: made }),
  };
}

/** The link has the MAC address that was asked for before, and no claim would keep others from it. */
function keptMacOf(
  { network, link }: VxlanSelection,
  previous: AttachmentRecord | undefined,
): Pick<VxlanAttachmentRecord, 'keptMac'> {
  if (link.mac !== undefined || previous?.kind !== 'vxlan' || networkKey(previous.network) !== networkKey(network))
    return {};
  const keptMac = previous.link.mac ?? previous.keptMac;
  return keptMac === undefined ? {} : { keptMac };
}

/** Tunnels of the network that the interface may still have on the host. */
function replacedBy(selection: VxlanSelection, previous: AttachmentRecord | undefined): readonly string[] {
  if (previous?.kind !== 'vxlan' || networkKey(previous.network) !== networkKey(selection.network)) return [];
  return tunnelsLeft(previous, tunnelOf(selection));
}

/** Whether this very intent was written before: by an earlier attempt of this activity, or by a run that was interrupted. */
function isSameIntent(deps: ObserveDeps, recorded: AttachmentRecord, wanted: AttachmentRecord): boolean {
  return (
    recorded.phase === 'intent' &&
    recorded.agent?.containerId === wanted.agent?.containerId &&
    networkKey(recorded.network) === networkKey(wanted.network) &&
    ofRecord(deps.hash, recorded).linkHash === ofRecord(deps.hash, wanted).linkHash &&
    isSameConfig(recorded, wanted)
  );
}

/** An intent with a definition that was corrected meanwhile is another intent: the next attempt needs the corrected text. */
function isSameConfig(recorded: AttachmentRecord, wanted: AttachmentRecord): boolean {
  if (recorded.kind !== 'cni' || wanted.kind !== 'cni') return true;
  return recorded.configText === wanted.configText && recorded.definitionUid === wanted.definitionUid;
}
