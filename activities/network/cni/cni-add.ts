/** Attaches one interface with CNI plugins. ADD is not idempotent: what was begun before is deleted first, and what succeeded is kept. */
import { announcements } from '../../../domain/forwarding/announcement.ts';
import { ignoredArgs } from '../../../domain/cni/ignored-args.ts';
import { withSameAddresses } from '../../../domain/cni/same-addresses.ts';
import { findOwnLink, isTakenOver, type FoundLink } from '../../../domain/cni/own-link.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { networkKey } from '../../../domain/network-selection.ts';
import type { LinkView } from '../../../domain/vxlan/link-observation.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { CniCall, CniResult } from '../../../domain/ports/cni-plugins.ts';
import type { IdentifiedNetns } from '../../../domain/ports/link-kernel.ts';
import {
  RECORD_VERSION,
  type CniAttachmentRecord,
  type LinkResult,
  type StepFailure,
} from '../../../domain/records.ts';
import {
  asBegun,
  begun,
  begunAdd,
  callOf,
  forgetBegun,
  journalEntry,
  madeBy,
  madeLink,
  type Begun,
} from './cni-attachment.ts';
import { isMadeAgain, resultOf } from './cni-earlier.ts';
import { setDefaultRoutes } from './default-routes.ts';
import { putBackSysctls, requireSysctlNames, withGivenSysctls, withSysctls } from './cni-sysctls.ts';
import type { CniDeps } from '../deps.ts';
import { readFenced, underSandboxLock } from '../fenced-record.ts';
import type { LinkInput } from '../network-contract.ts';
import { requireNoPredecessor } from '../predecessor.ts';
import { openRecorded, requireSandbox } from '../sandbox-netns.ts';
import { undoAdd } from './undo-add.ts';

export function cniAdd(deps: CniDeps, input: LinkInput, signal: AbortSignal): Promise<LinkResult> {
  return underSandboxLock(deps, input, async () => {
    const [record, sandbox] = await Promise.all([
      readFenced(deps, input, 'cni', ['intent', 'attached']),
      deps.runtime.describe(input.sandboxId),
    ]);
    requireSandbox(deps, record, sandbox);
    await requireNoPredecessor(deps, record);
    const netns = await openRecorded(deps, record, signal, sandbox?.pid);
    try {
      return await sharingNetworks(deps, record, () => add(deps, record, netns, signal));
    } catch (error) {
      throw await whetherSandboxStands(deps, record, error);
    } finally {
      await netns.close();
    }
  });
}

/** The network's, and that of what is given up for it. */
function sharingNetworks<T>(
  { networkLocks }: CniDeps,
  { network, madeWith }: CniAttachmentRecord,
  work: () => Promise<T>,
): Promise<T> {
  const before = madeWith?.network ?? network;
  const alsoBefore = networkKey(before) === networkKey(network) ? work : () => networkLocks.shared(before, work);
  return networkLocks.shared(network, alsoBefore);
}

async function add(
  deps: CniDeps,
  record: CniAttachmentRecord,
  netns: IdentifiedNetns,
  signal: AbortSignal,
): Promise<LinkResult> {
  const call = callOf(record, record.netns.path);
  const earlier = await begun(deps, record);
  const found = await linksOf(deps, record, madeBy(earlier, record), netns);
  const { own, other } = found;
  if (earlier !== undefined && own !== undefined) {
    const done = resultOf(earlier, record, call, isTakenOver(found));
    if (done !== undefined) return finish(deps, record, done, own, netns);
  }
  // Nothing is given up for what cannot come in its place.
  if (other !== undefined) throw own === undefined ? notOurs(record) : takenOver(record, own);
  if (earlier === undefined && own !== undefined) throw notOurs(record);
  // What is there is given up for something that can be tried at all.
  requireSysctlNames(call);
  await deps.plugins.ready(call);
  const left =
    earlier === undefined
      ? undefined
      : await undo(deps, record, earlier, netns, signal).catch((failure: unknown) => {
          throw withCause(earlier, failure);
        });
  const { entry: begunEntry, result } = await begin(deps, record, call, netns, signal);
  await deps.failpoints.hit('cniAdd:after-plugins');
  const entry = { ...(await withGivenSysctls(deps, begunEntry, netns)), resultText: result.text };
  await deps.journal.write(entry);
  const link = (await linksOf(deps, record, undefined, netns)).own;
  if (link !== undefined) {
    const made = await finish(deps, record, entry, link, netns);
    return left === undefined ? made : { warning: left, ...made };
  }
  await undo(deps, record, entry, netns, signal);
  throw notMade(deps, record, result);
}

/** CNI's `CNI_IFNAME` is the name that a plugin has to give, or to refuse: under another one nobody would find the interface again. */
function notMade(
  { plugins }: CniDeps,
  { network, interfaceName }: CniAttachmentRecord,
  { text }: CniResult,
): PodwireError {
  const others = plugins.facts(text, interfaceName).others.map((other) => other.interfaceName);
  const reported = others.length === 0 ? '' : ` with interface ${others.join(', ')}`;
  const undone = others.length === 0 ? '' : ', so what they made was taken away again';
  return new PodwireError(
    'CniFailed',
    `the plugins of network ${network.name} report success${reported}, but the pod has no interface ${interfaceName}${undone}; see the configuration of the network`,
  );
}

interface Made {
  readonly entry: CniJournalEntry;
  readonly result: CniResult;
}

/** What is made again is asked for with the addresses that it had. Where they are somebody else's by now, it gets others. */
async function begin(
  deps: CniDeps,
  record: CniAttachmentRecord,
  call: CniCall,
  netns: IdentifiedNetns,
  signal: AbortSignal,
): Promise<Made> {
  const addOnce = async (asked: CniCall): Promise<Made> => {
    const entry = await withSysctls(deps, journalEntry(record, asked), netns);
    await deps.journal.write(entry);
    await deps.failpoints.hit('cniAdd:after-journal');
    return { entry, result: await addOrUndo(deps, record, entry, netns, signal) };
  };
  const same = isMadeAgain(record) ? withSameAddresses(call, record.result?.addresses ?? []) : undefined;
  if (same === undefined) return addOnce(call);
  return addOnce(same).catch(async (error: unknown) => {
    const isUndone = (await deps.journal.read(record.sandboxId, record.interfaceName)) === undefined;
    if (signal.aborted || !isUndone || !(error instanceof PodwireError)) throw error;
    return addOnce(call);
  });
}

/** A chain that failed may have done half of its work: nothing of it stays while the next try is waited for. */
async function addOrUndo(
  deps: CniDeps,
  record: CniAttachmentRecord,
  entry: CniJournalEntry,
  netns: IdentifiedNetns,
  signal: AbortSignal,
): Promise<CniResult> {
  try {
    return await deps.plugins.add(entry.call, signal);
  } catch (error) {
    await deps.failpoints.hit('cniAdd:after-failure');
    // If this fails too, the journal keeps the entry, and the next attempt or the removal begins with it.
    const left = await undo(deps, record, entry, netns, signal).catch(async (failure: unknown) => {
      deps.onUndoFailed(record, failure);
      if (error instanceof PodwireError) await deps.journal.write({ ...entry, failure: error.message });
      return undefined;
    });
    if (left !== undefined) deps.onUndoFailed(record, new Error(left.message));
    throw error;
  }
}

/**
 * A plugin that does not know the sandbox, or cannot use its network namespace, is right where it went meanwhile: the pod is then looked
 * at anew. Where it stands, the same call would fail again.
 */
async function whetherSandboxStands(deps: CniDeps, record: CniAttachmentRecord, error: unknown): Promise<unknown> {
  if (!(error instanceof PodwireError) || error.code !== 'CniSandboxUnknown') return error;
  try {
    requireSandbox(deps, record, await deps.runtime.describe(record.sandboxId));
  } catch (gone) {
    return gone;
  }
  const next = "the sandbox is there; see the plugin's own log, then podwire retry";
  return new PodwireError(error.code, `${error.message}; ${next}`, { cause: error });
}

/** @returns what stays in the pod all the same */
async function undo(
  deps: CniDeps,
  record: CniAttachmentRecord,
  earlier: Begun,
  netns: IdentifiedNetns,
  signal: AbortSignal,
): Promise<StepFailure | undefined> {
  // Without its entry in the journal what is left would be taken for somebody else's.
  await undoAdd(deps, begunAdd(deps, record, earlier, signal), netns, signal);
  const left = await putBackSysctls(deps, asBegun(record, earlier), netns);
  await forgetBegun(deps, record, earlier);
  await deps.failpoints.hit('cniAdd:after-undo');
  return left;
}

/** The DEL that has to come first says what keeps it from being done, and not what was wrong with the ADD. */
function withCause(earlier: Begun, failure: unknown): unknown {
  if (typeof earlier === 'string' || earlier.failure === undefined || !(failure instanceof PodwireError))
    return failure;
  const message = `${earlier.failure}; and what that left cannot be taken away: ${failure.message}`;
  return new PodwireError(failure.code, message, { cause: failure });
}

/** @param made undefined: of what was made only the name is known */
async function linksOf(
  { kernel }: CniDeps,
  { interfaceName }: CniAttachmentRecord,
  made: LinkResult | undefined,
  netns: IdentifiedNetns,
): Promise<FoundLink> {
  if (made === undefined && kernel.surelyLacks(netns, interfaceName)) return { own: undefined, other: undefined };
  return findOwnLink((await kernel.observe(netns)).links, interfaceName, made);
}

/** Who shared the network with an earlier pod of these addresses may know them by another MAC. Not every plugin says so. */
async function announce(deps: CniDeps, { mac, addresses }: LinkResult, { name, up }: LinkView, netns: IdentifiedNetns) {
  if (!up || addresses.length === 0) return;
  const commands = announcements(name, mac, addresses);
  if (commands.some(({ op }) => op === 'announce-all')) await deps.kernel.announceItself(netns, name);
  await deps.kernel.execute(netns, commands);
}

async function finish(
  deps: CniDeps,
  record: CniAttachmentRecord,
  entry: CniJournalEntry & { readonly resultText: string },
  link: LinkView,
  netns: IdentifiedNetns,
): Promise<LinkResult> {
  const { generation, interfaceName } = record;
  const { resultText: text } = entry;
  // A program in the pod that has taken it over has changed it as well; it stays as it was recorded.
  const isAway = link.name !== interfaceName;
  const made = (isAway ? entry.made : undefined) ?? madeLink(deps, interfaceName, text, link);
  await deps.journal.write({ ...entry, generation, made });
  const ignored = ignoredArgs(record.cni.capabilityArgs, made);
  // What was made is undone by the run, as with everything that would fail again.
  if (ignored !== undefined) throw capabilityIgnored(record, ignored);
  if (!isAway) {
    await setDefaultRoutes(deps, record, netns);
    await announce(deps, made, link, netns);
  }
  await deps.store.putCniResult(record, { v: RECORD_VERSION, generation, text });
  return made;
}

/** In Kaloom's dialect the network's name gives that of the interface, and kactus makes it when it makes the pod. */
const notOurs = ({ dialect, interfaceName, network }: CniAttachmentRecord): PodwireError => {
  const next =
    dialect === 'kaloom'
      ? `if kactus attached it with the pod, keep it by "podagentSkip": true beside the name ${network.name} in the annotation, or make the pod anew without this network and add that once the pod runs`
      : 'choose another interface name';
  return new PodwireError(
    'InterfaceConflict',
    `interface ${interfaceName} exists in the pod and is not podwire's; it was left as it is; ${next}`,
  );
};

const takenOver = ({ interfaceName }: CniAttachmentRecord, { name }: LinkView): PodwireError =>
  new PodwireError(
    'InterfaceConflict',
    `interface ${interfaceName} is used by a program in the pod, which calls it ${name} and has put another link under its name; it was left as it is; have that program give it back first, or detach the network and attach it under another interface name`,
  );

const capabilityIgnored = ({ interfaceName, network }: CniAttachmentRecord, what: string): PodwireError =>
  new PodwireError(
    'CapabilityIgnored',
    `interface ${interfaceName}: ${what}; the plugins of network ${network.name} declare the capability and do not keep it; correct the network's configuration (its IPAM for ips), or ask for nothing of the kind`,
  );
