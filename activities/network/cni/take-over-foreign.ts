/**
 * Takes over what Multus attached (ADR 41): an attachment record and an entry of the journal as if podwire had made it, so that its removal
 * is that of podwire's own. Nothing in the pod and on the host is touched, and no plugin runs.
 */
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import { policyProblems } from '../../../domain/cni/policy.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { LinkView } from '../../../domain/vxlan/link-observation.ts';
import { podWorkflowId } from '../../../domain/messages.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { CniCall } from '../../../domain/ports/cni-plugins.ts';
import { RECORD_VERSION, type CniAttachmentRecord, type SandboxRecord } from '../../../domain/records.ts';
import { isSandboxOf } from '../../../domain/pod/static-pods.ts';
import { madeLink } from './cni-attachment.ts';
import type { CniDeps } from '../deps.ts';
import { underSandboxLock } from '../fenced-record.ts';
import type { TakeOverInput, TakeOverResult } from '../network-contract.ts';
import { sandboxRecord } from '../lookup-sandbox.ts';

/** Repeatable: the record comes first, so that no sweep finds an entry that nobody owns; where only it was written, the entry is added. */
export function takeOverForeign(deps: CniDeps, input: TakeOverInput, signal: AbortSignal): Promise<TakeOverResult> {
  // There is no record yet whose revision could tell this step from another one.
  return underSandboxLock(deps, { ...input, generation: FIRST, modRevision: '' }, () => takeOver(deps, input, signal));
}

const FIRST = 1;

async function takeOver(deps: CniDeps, input: TakeOverInput, signal: AbortSignal): Promise<TakeOverResult> {
  const { sandboxId, interfaceName } = input;
  const [stored, begun] = await Promise.all([
    deps.store.readAttachment(input),
    deps.journal.read(sandboxId, interfaceName),
  ]);
  if (begun !== undefined) return { outcome: 'recorded' };
  const sandbox = await sandboxOf(deps, input, signal);
  const { file, call, resultText } = await deps.foreign.cache.find(sandboxId, interfaceName);
  requireAllowed(deps, call);
  const link = await linkOf(deps, sandbox, call, resultText, signal);
  // Of the result, as Multus has published them: router advertisements may have given the link others besides.
  const { addresses } = deps.plugins.facts(resultText, interfaceName);
  const made = {
    ...madeLink(deps, interfaceName, resultText, link),
    ...(addresses === undefined ? {} : { addresses }),
  };
  const { capabilityArgs, configText } = call;
  const basis: CniJournalEntry['basis'] = {
    network: input.network,
    dialect: 'npwg',
    cni: { kind: 'cni', interfaceName, capabilityArgs, args: [], defaultRoute: [] },
    definitionUid: '',
  };
  const { runtimeUid } = input;
  const shared = {
    ...(runtimeUid === undefined ? {} : { runtimeUid }),
    ...{ v: RECORD_VERSION, podUid: input.podUid, generation: FIRST, bootId: sandbox.bootId },
  };
  const record: CniAttachmentRecord = {
    ...shared,
    ...basis,
    ...{ kind: 'cni', namespace: input.namespace, name: input.name, node: deps.node, sandboxId, netns: sandbox.netns },
    owner: { workflowId: podWorkflowId({ ...input, uid: input.podUid }), runId: '' },
    ...{ interfaceName, configText, phase: 'attached', result: made },
  };
  const isNew = await deps.store.restoreAttachment(record, { v: RECORD_VERSION, generation: FIRST, text: resultText });
  await deps.failpoints.hit('takeOverForeign:after-record');
  // Somebody else's record, of whatever was attached here since.
  if (!isNew && !isSame(stored?.value.kind === 'cni' ? stored.value : undefined, record))
    return { outcome: 'recorded' };
  await deps.journal.write({
    ...shared,
    basis,
    call: { ...call, netnsPath: sandbox.netns.path },
    resultText,
    made,
    takenFrom: file,
  });
  return { outcome: 'taken' };
}

const isSame = (known: CniAttachmentRecord | undefined, record: CniAttachmentRecord): boolean =>
  known?.generation === FIRST && known.definitionUid === '' && known.configText === record.configText;

async function sandboxOf(deps: CniDeps, input: TakeOverInput, signal: AbortSignal): Promise<SandboxRecord> {
  const found = await deps.runtime.describe(input.sandboxId);
  const isThere = found?.ready === true && !found.hostNetwork && isSandboxOf(found, input);
  const sandbox = isThere ? await sandboxRecord(deps, found, signal) : undefined;
  if (sandbox !== undefined) return sandbox;
  throw new PodwireError('SandboxGone', `sandbox ${input.sandboxId} of pod ${input.podUid} is not Ready any more`);
}

/** The administrator's word about plugins counts for those of another runtime, too, once podwire is to run them. */
function requireAllowed({ foreign }: CniDeps, { configText, networkName }: CniCall): void {
  const parsed = parseNetworkConfig(configText, networkName);
  const problems = parsed.ok ? policyProblems(parsed.config, foreign.policy) : parsed.problems;
  if (problems.length === 0) return;
  throw new PodwireError(
    'ForeignKept',
    `what Multus attached it with is not allowed: ${problems.map(({ why }) => why).join('; ')}`,
  );
}

/** The interface, if it is what the result is about: DEL takes away what has its name. */
async function linkOf(
  deps: CniDeps,
  { netns: { path } }: SandboxRecord,
  { interfaceName }: CniCall,
  resultText: string,
  signal: AbortSignal,
): Promise<LinkView> {
  const netns = await deps.kernel.open(path, signal);
  try {
    const link = (await deps.kernel.observe(netns)).links.find(({ name }) => name === interfaceName);
    if (link === undefined) throw new PodwireError('ForeignKept', `the pod has no interface ${interfaceName} any more`);
    const mac = deps.plugins.facts(resultText, interfaceName).mac ?? link.mac;
    if (mac.toLowerCase() === link.mac) return link;
    const why = `interface ${interfaceName} has the MAC ${link.mac}, and Multus made one with ${mac}: a program in the pod has changed or replaced it`;
    throw new PodwireError('ForeignKept', why);
  } finally {
    await netns.close();
  }
}
