/** Everything that is known of one pod's networks: from the API, podwire's etcd, Temporal and the pod's kernel. */
import type { Client } from '@temporalio/client';
import { readDesiredState, type DesiredState } from '../../activities/control/desired-state.ts';
import { judgedSelections } from '../../activities/control/named-selections.ts';
import { inSandbox, withSandbox } from '../../activities/control/published-sandbox.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { inputsHash } from '../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { createCluster } from '../../adapters/kubernetes/cluster.ts';
import { podKeys } from '../../adapters/kubernetes/pod-view.ts';
import { inspectAt } from '../../adapters/temporal/inspections.ts';
import {
  explainInterfaces,
  type Actual,
  type Desired,
  type Evidence,
  type ExplainedInterface,
} from '../../domain/explain/explanation.ts';
import { reasonsLeftAlone } from '../../domain/explain/left-alone.ts';
import { readLinkDetails } from '../../domain/explain/link-details.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import type { PodRecords } from '../../domain/ports/record-store.ts';
import type { DialectSettings } from '../../domain/settings.ts';
import { targetOf } from '../../domain/target.ts';
import { podText, type PodName } from '../pod-argument.ts';
import { originLines } from '../pod-origin.ts';
import { findOpenRuns, pendingTries, queryView, type PodRun } from '../pod-runs.ts';

export interface Sources {
  readonly kube: KubeClient;
  readonly etcd: Etcd;
  readonly settings: DialectSettings;
  /** Undefined: Temporal does not answer. */
  readonly temporal: Client | undefined;
  /** Told of what does not answer; the rest is explained all the same. */
  readonly warn: (message: string) => void;
}

export interface Explanation {
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  /** Of the open run; `no open run` where there is none. */
  readonly state: string;
  readonly run?: { readonly workflowId: string; readonly runId: string; readonly since: string };
  /** Why podwire does nothing for the pod, or not all. */
  readonly reasons: readonly string[];
  readonly interfaces: readonly ExplainedInterface[];
}

/** Undefined: the API has no such pod. @throws PodwireError `ApiUnavailable`, `EtcdUnavailable`, `RecordInvalid` */
export async function gather(sources: Sources, name: PodName): Promise<Explanation | undefined> {
  const { kube, etcd, settings, warn } = sources;
  const cluster = createCluster(kube, podKeys(settings));
  const known = await cluster.pod(name.namespace, name.name);
  if (known === undefined) return undefined;
  const reading = await readDesiredState({ cluster, ip: ipCodec, settings, hash: inputsHash, md5 }, known);
  if (reading === undefined) return undefined;
  const store = createRecordStore(etcd);
  const node = targetOf(reading.pod, settings.agents.backend);
  const records = await withSandbox(store, reading.pod, node, await store.pod(known.uid, node));
  const state = inSandbox(reading.beside(records), records);
  const [origin, run] = await Promise.all([originLines(kube, settings, name, warn), openRun(sources, name, known.uid)]);
  const desired = desiredOf(state, records);
  const interfaces = explainInterfaces({
    desired,
    records: records.attachments.map(({ value }) => value),
    failures: records.failures,
    ...(await runOf(sources, run)),
    actual: await kernelOf(sources, state.pod, node, namesOf(desired, records)),
  });
  return {
    ...{ pod: podText(name), uid: known.uid, node: state.pod.nodeName, state: run?.state ?? 'no open run' },
    ...(run === undefined
      ? {}
      : { run: { workflowId: run.workflowId, runId: run.runId, since: run.since.toISOString() } }),
    reasons: reasonsLeftAlone(state.pod, state.parsed, settings, {
      tornDown: records.tornDown,
      origin: origin ?? [],
    }),
    interfaces,
  };
}

function desiredOf(state: DesiredState, { attachments, refusals, tornDown }: PodRecords): readonly Desired[] {
  if (tornDown) return [];
  const records = attachments.map(({ value }) => value);
  return judgedSelections(inputsHash, state, records, refusals);
}

const namesOf = (desired: readonly Desired[], { attachments }: PodRecords): string[] => [
  ...new Set([...desired, ...attachments.map(({ value }) => value)].map(({ interfaceName }) => interfaceName)),
];

async function openRun({ temporal, warn }: Sources, name: PodName, uid: string): Promise<PodRun | undefined> {
  if (temporal === undefined) return undefined;
  const runs = await heard(warn, findOpenRuns(temporal, name));
  return runs?.find(({ pod }) => pod.uid === uid);
}

async function runOf({ temporal, warn }: Sources, run: PodRun | undefined): Promise<Pick<Evidence, 'steps' | 'tries'>> {
  if (temporal === undefined || run === undefined) return { steps: [], tries: new Map() };
  const [view, tries] = await Promise.all([
    heard(warn, queryView(temporal, run)),
    heard(warn, pendingTries(temporal, run, Date.now())),
  ]);
  return { steps: view?.lanes ?? [], tries: tries ?? new Map() };
}

async function kernelOf(
  { temporal, warn }: Sources,
  { uid: podUid, runtimeUid, namespace, name }: PodView,
  node: string,
  links: readonly string[],
): Promise<ReadonlyMap<string, Actual>> {
  if (temporal === undefined || node === '' || links.length === 0) return new Map();
  const questions = links.map((link) => ({ about: 'details' as const, link }));
  const pod = { podUid, ...(runtimeUid === undefined ? {} : { runtimeUid }), namespace, name, questions };
  const [answer] = (await heard(warn, inspectAt(temporal, node, [pod]))) ?? [];
  if (answer === undefined) return new Map();
  if ('failure' in answer) {
    warn(`${answer.failure.code}: ${answer.failure.message}`);
    return new Map();
  }
  const { answers } = answer;
  return new Map(links.map((link, index) => [link, readLinkDetails(answers[index] ?? '') ?? 'absent']));
}

/** Undefined: it did not answer, and why was told. */
async function heard<T>(warn: (message: string) => void, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    warn(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
