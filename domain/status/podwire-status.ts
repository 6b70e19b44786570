/** The `podwire.io/network-status` annotation: a projection of records, for people and for programs in the pod. */
import type { JsonValue } from '../cni/attachment.ts';
import { ignoredMac } from '../kaloom/ignored-mac.ts';
import {
  networkKey,
  type Dialect,
  type ForeignAttachment,
  type NetworkRef,
  type SelectionProblem,
} from '../network-selection.ts';
import { dialectOf, type AttachmentRecord, type FailureRecord, type LinkResult, type StepFailure } from '../records.ts';
import { DRIFT_REMAINS, remainsOf } from '../sweep/remaining-drift.ts';
import { statusEntries } from './status-entries.ts';
import { isJsonList, isJsonObject, member } from '../text/strict-json.ts';

export interface NetworkStatus {
  /** `scope/name`; for a mistake in the annotation the name as written. */
  readonly name: string;
  readonly interface?: string;
  /** Absent: kube-vxlan-controller's. */
  readonly dialect?: Dialect;
  /**
   * `Attached` only after the kernel was read back; `Failing` also when it differs since, and making it anew was in vain. `Detaching`: there
   * until the removal has succeeded. `Foreign`: another runtime has attached it; asked for, or not to be taken away as the message says.
   */
  readonly state: 'Attached' | 'Attaching' | 'Failing' | 'Detaching' | 'Refused' | 'Foreign';
  readonly vni?: number;
  readonly dstport?: number;
  readonly mac?: string;
  readonly mtu?: number;
  readonly ips?: readonly string[];
  /** Further interfaces in the pod that its plugins reported. */
  readonly others?: readonly { readonly interface: string; readonly mac?: string; readonly ips: readonly string[] }[];
  /** Of what is attached: in what it is not as it was asked for. */
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
    ...waiting.map((desired) => unattached(desired, 'Failing')),
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

type KeptForeign = Omit<Refusal, 'network'>;

/**
 * Adds what another runtime attached for the pod. A pod of which it did everything is left alone: it gets no status.
 * @param alone it gets one nevertheless: that tells later what the annotation asked for
 * @param kept why podwire does not take away, or has not taken away yet, what is not asked for any more
 */
export const besideForeign = (
  own: readonly NetworkStatus[],
  foreign: readonly ForeignAttachment[] = [],
  alone = false,
  kept: readonly KeptForeign[] = [],
): readonly NetworkStatus[] =>
  own.length === 0 && !alone ? [] : [...own, ...foreign.flatMap((entry) => foreignStatus(entry, kept))];

const unattached = (
  { network, interfaceName, code, message }: Refusal,
  state: 'Failing' | 'Refused',
): NetworkStatus => ({ name: networkKey(network), interface: interfaceName, state, code, message });

function foreignStatus(
  { interfaceName, satisfies, takenOut }: ForeignAttachment,
  kept: readonly KeptForeign[],
): NetworkStatus[] {
  const network = satisfies ?? takenOut;
  if (network === undefined) return [];
  const why = satisfies === undefined ? kept.find((each) => each.interfaceName === interfaceName) : undefined;
  return [
    {
      ...{ name: networkKey(network), interface: interfaceName, dialect: 'npwg', state: 'Foreign' },
      ...(why === undefined ? {} : { code: why.code }),
      message: why?.message ?? 'attached by another runtime',
    },
  ];
}

/** Interfaces that a published status lists as attached by another runtime for the annotation, with their networks' keys. Total. */
export function publishedForeign(
  status: string | undefined,
): { readonly interfaceName: string; readonly name: string }[] {
  return statusEntries(status)
    .filter(isJsonObject)
    .flatMap((entry) => {
      const [interfaceName, name] = [member(entry, 'interface'), member(entry, 'name')];
      const isForeign = member(entry, 'state') === 'Foreign';
      return isForeign && typeof interfaceName === 'string' && typeof name === 'string'
        ? [{ interfaceName, name }]
        : [];
    });
}

/** A link of podwire's as its published status or its records describe it. */
export interface OwnLink {
  readonly interfaceName: string;
  readonly isAttached: boolean;
  readonly mac?: string;
  /** With or without prefix. */
  readonly ips?: readonly string[];
}

/** States of what is not podwire's own. */
const NOT_OWN: readonly unknown[] = ['Refused', 'Foreign'] satisfies readonly NetworkStatus['state'][];

/** Links that a published status lists as podwire's own; what was refused belongs to somebody else. Total. */
export function publishedLinks(status: string | undefined): OwnLink[] {
  const entries = statusEntries(status).filter(isJsonObject);
  return entries.flatMap((entry): OwnLink[] => {
    const [interfaceName, mac, ips] = [member(entry, 'interface'), member(entry, 'mac'), member(entry, 'ips')];
    const state = member(entry, 'state');
    if (typeof interfaceName !== 'string' || interfaceName === '' || NOT_OWN.includes(state)) return [];
    // One that drifted for good is still there, and so is its entry.
    const isLeaving = state === 'Detaching' && typeof mac === 'string';
    const isAttached = state === 'Attached' || isLeaving || member(entry, 'code') === DRIFT_REMAINS;
    return [
      {
        ...{ interfaceName, isAttached },
        ...(typeof mac === 'string' ? { mac } : {}),
        ...(isJsonList(ips) ? { ips: ips.filter((ip) => typeof ip === 'string') } : {}),
      },
      ...otherLinks(member(entry, 'others')),
    ];
  });
}

function otherLinks(others: JsonValue | undefined): OwnLink[] {
  return (isJsonList(others) ? others : []).filter(isJsonObject).flatMap((other) => {
    const interfaceName = member(other, 'interface');
    return typeof interfaceName !== 'string' || interfaceName === '' ? [] : [{ interfaceName, isAttached: true }];
  });
}

/** Links that were once read back: those that podwire may have published. */
export const recordedLinks = (records: readonly AttachmentRecord[]): OwnLink[] =>
  records.flatMap(({ interfaceName, result }) =>
    result === undefined
      ? []
      : [
          { interfaceName, isAttached: true, mac: result.mac, ips: result.addresses },
          ...(result.others ?? []).map(({ addresses, ...other }) => ({ ...other, isAttached: true, ips: addresses })),
        ],
  );

function recordStatus(record: AttachmentRecord, failure: FailureRecord | undefined): NetworkStatus {
  const asking = dialectOf(record);
  const dialect = asking === 'openvnf' ? {} : { dialect: asking };
  const base = { name: networkKey(record.network), interface: record.interfaceName, ...dialect };
  if (failure !== undefined && remainsOf(record, failure))
    return { ...base, state: 'Failing', code: failure.code, message: failure.message };
  // Said of what was there before.
  if (failure?.code === DRIFT_REMAINS) return recordStatus(record, undefined);
  const failing = failure === undefined ? {} : { code: failure.code, message: failure.message };
  // What is being removed is there until its record is gone.
  if (record.phase === 'removing')
    return { ...base, state: 'Detaching', ...(record.result && linkStatus(record, record.result)), ...failing };
  if (record.phase === 'intent' || record.result === undefined) {
    return { ...base, state: failure === undefined ? 'Attaching' : 'Failing', ...failing };
  }
  return { ...base, state: 'Attached', ...linkStatus(record, record.result), ...ignoredMac(record) };
}

type LinkStatus = Pick<NetworkStatus, 'vni' | 'dstport' | 'mac' | 'mtu' | 'ips' | 'others'>;

function linkStatus(record: AttachmentRecord, { mac, mtu, addresses, others = [] }: LinkResult): LinkStatus {
  const tunnel = record.kind === 'vxlan' ? { vni: record.link.vni, dstport: record.link.dstPort } : {};
  const further = others.map(({ interfaceName, addresses: ips, ...other }) => ({
    interface: interfaceName,
    ...other,
    ips,
  }));
  return { ...tunnel, mac, mtu, ips: addresses, ...(further.length === 0 ? {} : { others: further }) };
}
