/** The `podwire.io/network-status` annotation: a projection of records, for people and for programs in the pod. */
import { networkKey, type Dialect, type NetworkRef, type SelectionProblem } from './network-selection.ts';
import type { AttachmentRecord, FailureRecord, StepFailure } from './records.ts';
import { DRIFT_REMAINS, remainsOf } from './sweep/remaining-drift.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from './strict-json.ts';

/** Kubernetes allows 256 KiB for all annotations of an object. */
const MAX_STATUS_BYTES = 256 * 1024;

export interface NetworkStatus {
  /** `scope/name`; for a mistake in the annotation the name as written. */
  readonly name: string;
  readonly interface?: string;
  /** Absent: kube-vxlan-controller's. */
  readonly dialect?: Dialect;
  /** `Attached` only after the kernel was read back; `Failing` also when it differs since, and making it anew was in vain. */
  readonly state: 'Attached' | 'Attaching' | 'Failing' | 'Detaching' | 'Refused';
  readonly vni?: number;
  readonly dstport?: number;
  readonly mac?: string;
  readonly mtu?: number;
  readonly ips?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

/** Why an interface that was rightly asked for is not attached. */
export interface Refusal extends StepFailure {
  readonly interfaceName: string;
  readonly network: NetworkRef;
}

/**
 * Builds the status list; records come in the order in which the caller wants them shown.
 * @param waiting what is asked for and cannot be begun yet, with the reason
 */
export function networkStatus(
  records: readonly AttachmentRecord[],
  failures: readonly FailureRecord[],
  refusals: readonly Refusal[],
  problems: readonly SelectionProblem[],
  waiting: readonly Refusal[] = [],
): NetworkStatus[] {
  return [
    ...records.map((record) =>
      recordStatus(
        record,
        failures.find((failure) => failure.interfaceName === record.interfaceName),
      ),
    ),
    ...waiting.map((wish) => unattached(wish, 'Failing')),
    ...refusals.map((refusal) => unattached(refusal, 'Refused')),
    ...problems.map((problem): NetworkStatus => ({
      name: problem.network ?? '',
      state: 'Refused',
      ...(problem.dialect === undefined || problem.dialect === 'openvnf' ? {} : { dialect: problem.dialect }),
      code: problem.code,
      message: problem.message,
    })),
  ];
}

const unattached = (
  { network, interfaceName, code, message }: Refusal,
  state: 'Failing' | 'Refused',
): NetworkStatus => ({ name: networkKey(network), interface: interfaceName, state, code, message });

/** Interfaces that a published status lists as podwire's own; what was refused belongs to somebody else. Total. */
export function ownInterfaces(status: string | undefined): ReadonlySet<string> {
  const json = status === undefined ? undefined : parseStrictJson(status, { maxBytes: MAX_STATUS_BYTES });
  const entries = json?.ok === true && isJsonList(json.value) ? json.value.filter(isJsonObject) : [];
  return new Set(
    entries
      .filter((entry) => member(entry, 'state') !== 'Refused')
      .map((entry) => member(entry, 'interface'))
      .filter((name): name is string => typeof name === 'string' && name !== ''),
  );
}

function recordStatus(record: AttachmentRecord, failure: FailureRecord | undefined): NetworkStatus {
  const dialect = record.kind === 'cni' ? { dialect: record.dialect } : {};
  const base = { name: networkKey(record.network), interface: record.interfaceName, ...dialect };
  if (failure !== undefined && remainsOf(record, failure))
    return { ...base, state: 'Failing', code: failure.code, message: failure.message };
  // Said of what was there before.
  if (failure?.code === DRIFT_REMAINS) return recordStatus(record, undefined);
  const failing = failure === undefined ? {} : { code: failure.code, message: failure.message };
  if (record.phase === 'removing') return { ...base, state: 'Detaching', ...failing };
  if (record.phase === 'intent' || record.result === undefined) {
    return { ...base, state: failure === undefined ? 'Attaching' : 'Failing', ...failing };
  }
  const { mac, mtu, addresses } = record.result;
  const tunnel = record.kind === 'vxlan' ? { vni: record.link.vni, dstport: record.link.dstPort } : {};
  return { ...base, state: 'Attached', ...tunnel, mac, mtu, ips: addresses };
}
