/** One pod's networks as somebody on call needs them: what is desired, recorded and in the kernel, side by side, and what is in the way. */
import { networkKey, type NetworkSelection } from '../network-selection.ts';
import type { AttachmentRecord, FailureRecord, StepFailure } from '../records.ts';
import type { LinkDetails } from './link-details.ts';

/** A selection with the interface that it gets, and the refusal that holds for it. */
export interface Desired {
  readonly selection: NetworkSelection;
  readonly interfaceName: string;
  readonly refused?: StepFailure;
}

/** What the run of the pod does about an interface. */
interface Step {
  readonly interfaceName: string;
  readonly step: string;
  readonly note: string;
}

/** A step on a node, as Temporal has it. */
export interface Try {
  /** From 1 on. */
  readonly attempt: number;
  readonly error?: string;
  /** Milliseconds until the next one; undefined: it is at work. */
  readonly nextInMs?: number;
}

/** `unknown`: nobody answered. */
export type Actual = LinkDetails | 'absent' | 'unknown';

export interface Evidence {
  readonly desired: readonly Desired[];
  readonly records: readonly AttachmentRecord[];
  readonly failures: readonly FailureRecord[];
  readonly steps: readonly Step[];
  /** By the network's interface, where its step is on a node. */
  readonly tries: ReadonlyMap<string, Try>;
  readonly actual: ReadonlyMap<string, Actual>;
}

export interface ExplainedInterface {
  readonly interface: string;
  readonly network: string;
  /** Words for people. Empty: nothing is desired, recorded. */
  readonly desired: string;
  readonly recorded: string;
  readonly actual: string;
  /** What is desired is recorded as attached and in the kernel; what is not desired is neither. */
  readonly isSettled: boolean;
  readonly step?: string;
  readonly problem?: string;
  readonly attempt?: number;
  /** Whole seconds. */
  readonly nextTryInSeconds?: number;
}

/** In the order in which people wrote the networks; what is only recorded comes behind. */
export function explainInterfaces(evidence: Evidence): ExplainedInterface[] {
  const { desired, records } = evidence;
  const isDesired = (record: AttachmentRecord): boolean =>
    desired.some(({ interfaceName }) => interfaceName === record.interfaceName);
  return [
    ...desired.map((one) =>
      explained(
        evidence,
        one,
        records.find(({ interfaceName }) => interfaceName === one.interfaceName),
      ),
    ),
    ...records.filter((record) => !isDesired(record)).map((record) => explained(evidence, undefined, record)),
  ];
}

function explained(
  evidence: Evidence,
  desired: Desired | undefined,
  record: AttachmentRecord | undefined,
): ExplainedInterface {
  const { failures, steps, tries, actual } = evidence;
  const interfaceName = desired?.interfaceName ?? record?.interfaceName ?? '';
  const isAbout = (each: { readonly interfaceName: string }): boolean => each.interfaceName === interfaceName;
  const network = desired?.selection.network ?? record?.network;
  const [step, failure, tried] = [steps.find(isAbout), failures.find(isAbout), tries.get(interfaceName)];
  const seen = actual.get(interfaceName) ?? 'unknown';
  const problem = problemOf(desired, failure, step, tried);
  return {
    ...{ interface: interfaceName, network: network === undefined ? '' : networkKey(network) },
    ...{ desired: desiredText(desired), recorded: recordedText(record), actual: actualText(seen) },
    isSettled: problem === undefined && isSettled(desired, record, seen),
    ...(step === undefined ? {} : { step: step.step }),
    ...(problem === undefined ? {} : { problem }),
    ...triedWhen(tried),
  };
}

function triedWhen(tried: Try | undefined): Pick<ExplainedInterface, 'attempt' | 'nextTryInSeconds'> {
  if (tried === undefined) return {};
  const { attempt, nextInMs } = tried;
  return { attempt, ...(nextInMs === undefined ? {} : { nextTryInSeconds: Math.round(nextInMs / 1_000) }) };
}

/** What holds for these inputs comes first, then what the run says now, then what was recorded. */
function problemOf(
  desired: Desired | undefined,
  failure: FailureRecord | undefined,
  step: Step | undefined,
  tried: Try | undefined,
): string | undefined {
  const texts = [failureText(desired?.refused), step?.note, failureText(failure), tried?.error];
  return texts.find((text) => text !== undefined && text !== '');
}

const failureText = (failure: StepFailure | undefined): string | undefined =>
  failure && `${failure.code}: ${failure.message}`;

function desiredText(desired: Desired | undefined): string {
  if (desired === undefined) return '';
  const { selection, refused } = desired;
  const what =
    selection.kind === 'vxlan'
      ? listed([
          `vxlan id ${selection.link.vni}, port ${selection.link.dstPort}, over ${selection.link.parent}`,
          ...selection.link.addresses,
          ...(selection.link.pool === undefined ? [] : [`addresses of pool ${selection.link.pool.name}`]),
          selection.link.up ? 'up' : 'down',
        ])
      : listed([`CNI (${selection.dialect})`, ...(selection.cni.capabilityArgs.ips ?? [])]);
  return refused === undefined ? what : `${what}; refused`;
}

function recordedText(record: AttachmentRecord | undefined): string {
  if (record === undefined) return '';
  const { phase, generation, result, sandboxId } = record;
  return listed([
    `${phase}, generation ${generation}`,
    ...(result === undefined ? [] : [result.mac, `mtu ${result.mtu}`, ...result.addresses]),
    `sandbox ${sandboxId.slice(0, 13)}`,
  ]);
}

function actualText(actual: Actual): string {
  if (actual === 'unknown') return 'not known';
  if (actual === 'absent') return 'no such link';
  const { up, mtu, mac, vni, addresses } = actual;
  return listed([
    ...(vni === undefined ? [] : [`vxlan id ${vni}`]),
    ...(mac === undefined ? [] : [mac]),
    ...[`mtu ${mtu}`, ...addresses, up ? 'up' : 'down'],
  ]);
}

const listed = (parts: readonly string[]): string => parts.join(', ');

function isSettled(desired: Desired | undefined, record: AttachmentRecord | undefined, actual: Actual): boolean {
  if (desired === undefined) return record === undefined && actual === 'absent';
  if (desired.refused !== undefined || record?.phase !== 'attached' || typeof actual === 'string') return false;
  return record.result === undefined || record.result.mac === actual.mac;
}
