/** The `podwire.io/network-status` annotation: a projection of records, for people and for programs in the pod. */
import { networkKey, type SelectionProblem } from './network-selection.ts';
import type { AttachmentRecord, FailureRecord, RefusalRecord } from './records.ts';

export interface NetworkStatus {
  /** `scope/name`; for a mistake in the annotation the name as written. */
  readonly name: string;
  readonly interface?: string;
  /** `Attached` only after the kernel was read back. */
  readonly state: 'Attached' | 'Attaching' | 'Failing' | 'Detaching' | 'Refused';
  readonly vni?: number;
  readonly dstport?: number;
  readonly mac?: string;
  readonly mtu?: number;
  readonly ips?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

/** Builds the status list; records come in the order in which the caller wants them shown. */
export function networkStatus(
  records: readonly AttachmentRecord[],
  failures: readonly FailureRecord[],
  refusals: readonly RefusalRecord[],
  problems: readonly SelectionProblem[],
): NetworkStatus[] {
  return [
    ...records.map((record) =>
      recordStatus(
        record,
        failures.find((failure) => failure.interfaceName === record.link.interfaceName),
      ),
    ),
    ...refusals.map((refusal): NetworkStatus => ({
      name: networkKey(refusal.network),
      interface: refusal.interfaceName,
      state: 'Refused',
      code: refusal.code,
      message: refusal.message,
    })),
    ...problems.map((problem): NetworkStatus => ({
      name: problem.network ?? '',
      state: 'Refused',
      code: problem.code,
      message: problem.message,
    })),
  ];
}

function recordStatus(record: AttachmentRecord, failure: FailureRecord | undefined): NetworkStatus {
  const base = { name: networkKey(record.network), interface: record.link.interfaceName };
  const failing = failure === undefined ? {} : { code: failure.code, message: failure.message };
  if (record.phase === 'removing') return { ...base, state: 'Detaching', ...failing };
  if (record.phase === 'intent' || record.result === undefined) {
    return { ...base, state: failure === undefined ? 'Attaching' : 'Failing', ...failing };
  }
  const { mac, mtu, addresses } = record.result;
  return { ...base, state: 'Attached', vni: record.link.vni, dstport: record.link.dstPort, mac, mtu, ips: addresses };
}
