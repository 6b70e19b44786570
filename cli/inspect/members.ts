/** Pods with their networks as the API knows them, and what their kernels say: the two halves of every inspection. */
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import type { SelectedPod } from '../../adapters/kubernetes/selected-pods.ts';
import type { PodAnswers } from '../../domain/inspect/inspect-batch.ts';
import { isSelected } from '../../domain/openvnf/rules.ts';
import { writtenNetworks, type WrittenNetwork } from '../../domain/openvnf/written-networks.ts';
import { targetOf } from '../../domain/target.ts';
import type { InspectQuestion } from '../../domain/ports/inspect-pod.ts';
import type { DialectSettings } from '../../domain/settings.ts';

export interface PodWithNetworks {
  readonly pod: SelectedPod;
  readonly networks: readonly WrittenNetwork[];
}

/**
 * In the API's order. As in kube-vxlan-controller, pods whose agent runs; a pod without an agent, which only podwire serves, counts
 * while it runs itself.
 * @throws PodwireError `ApiUnavailable`
 */
export async function podsWithNetworks(
  client: KubeClient,
  settings: DialectSettings,
  signal: AbortSignal,
): Promise<PodWithNetworks[]> {
  const { getConfigMap } = await import('../../adapters/kubernetes/config-map.ts');
  const { selectedPods } = await import('../../adapters/kubernetes/selected-pods.ts');
  const [pods, configMap] = await Promise.all([
    selectedPods(client, settings, signal),
    getConfigMap(client, settings.configMapNamespace, settings.configMapName),
  ]);
  return pods
    .filter(({ labels }) => isSelected(labels[settings.selector], settings.compatibility))
    .filter(({ agent, running }) => agent === 'running' || (agent === 'none' && running))
    .map((pod) => ({
      pod,
      networks: writtenNetworks(pod.annotations[settings.annotation] ?? '', configMap?.data, settings.compatibility),
    }));
}

/** Asks pods of one target; in the order of the pods. Throws when the target does not answer. */
export type InspectAt = (
  target: string,
  pods: readonly { podUid: string; namespace: string; name: string; questions: readonly InspectQuestion[] }[],
) => Promise<readonly PodAnswers[]>;

export interface Asked {
  readonly pod: SelectedPod;
  readonly questions: readonly InspectQuestion[];
}

/** What `ip` and `bridge` said, also where they said that there is no such link. */
export type Said = (pod: SelectedPod, about: InspectQuestion['about'], link: string) => string;

const PLACES_AT_ONCE = 8;
const LINK_NAME = /^[a-zA-Z][a-zA-Z0-9._-]{0,14}$/;

/**
 * Looks into all pods, target by target.
 * @param tell told once about each target and pod that does not answer; what it would have said is empty then
 */
export async function inspectPods(
  asked: readonly Asked[],
  settings: DialectSettings,
  inspectAt: InspectAt,
  tell: (problem: string) => void,
): Promise<Said> {
  const heard = new Map<string, string>();
  const targets = byTarget(asked, settings);
  const waiting = [...targets].values();
  const worker = async (): Promise<void> => {
    // One iterator for all: each target is taken once.
    for (const [target, group] of waiting) await hear(target, group, inspectAt, heard, tell);
  };
  await Promise.all(Array.from({ length: Math.min(PLACES_AT_ONCE, targets.size) }, worker));
  return (pod, about, link) => heard.get(keyOf(pod.uid, about, link)) ?? '';
}

function byTarget(asked: readonly Asked[], { agents }: DialectSettings): Map<string, Asked[]> {
  const targets = new Map<string, Asked[]>();
  for (const { pod, questions } of asked) {
    const target = targetOf(pod, agents.backend);
    const possible = questions.filter(({ link }) => LINK_NAME.test(link));
    if (target === '' || possible.length === 0) continue;
    targets.set(target, [...(targets.get(target) ?? []), { pod, questions: possible }]);
  }
  return targets;
}

async function hear(
  target: string,
  group: readonly Asked[],
  inspectAt: InspectAt,
  heard: Map<string, string>,
  tell: (problem: string) => void,
): Promise<void> {
  let answers: readonly PodAnswers[];
  try {
    answers = await inspectAt(
      target,
      group.map(({ pod: { uid, runtimeUid, namespace, name }, questions }) => ({
        podUid: uid,
        ...(runtimeUid === undefined ? {} : { runtimeUid }),
        namespace,
        name,
        questions,
      })),
    );
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
    return;
  }
  for (const [index, { pod, questions }] of group.entries()) {
    const answer = answers[index];
    if (answer === undefined || 'failure' in answer) {
      const why = answer === undefined ? 'no answer' : `${answer.failure.code}: ${answer.failure.message}`;
      tell(`${pod.namespace}/${pod.name}: ${why}`);
      continue;
    }
    for (const [at, { about, link }] of questions.entries()) {
      heard.set(keyOf(pod.uid, about, link), answer.answers[at] ?? noSuchLink(about, link));
    }
  }
}

/** In the words of iproute2, which the original passed on. */
const noSuchLink = (about: InspectQuestion['about'], link: string): string =>
  about === 'addresses' || about === 'details'
    ? `Device "${link}" does not exist.\n`
    : `Cannot find device "${link}"\n`;

const keyOf = (uid: string, about: string, link: string): string => `${uid} ${about} ${link}`;
