/** What the Kubernetes API says of a pod and its owners, where that keeps the pod from getting networks. */
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { asksItself, originFindings } from '../domain/pod/pod-origin.ts';
import type { DialectSettings } from '../domain/settings.ts';
import { workloadOf } from '../domain/pod/workload.ts';
import { podText, type PodName } from './pod-argument.ts';

/**
 * Empty: nothing is wrong.
 * @param warn told why an owner could not be read, of a pod that asks for nothing itself
 * @throws PodwireError `ApiUnavailable`
 */
export async function originText(
  client: KubeClient,
  settings: DialectSettings,
  pod: PodName,
  warn: (message: string) => void,
): Promise<string> {
  const lines = await originLines(client, settings, pod, warn);
  if (lines === undefined) return `\nthe Kubernetes API has no pod ${podText(pod)}\n`;
  return lines.length === 0 ? '' : `\nas the Kubernetes API has it\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** A finding each; undefined: there is no such pod. As `originText`. */
export async function originLines(
  client: KubeClient,
  settings: DialectSettings,
  pod: PodName,
  warn: (message: string) => void,
): Promise<string[] | undefined> {
  const { readOwnerChain } = await import('../adapters/kubernetes/owner-chain.ts');
  const { objects, unread } = await readOwnerChain(client, pod.namespace, pod.name);
  if (objects.length === 0) return undefined;
  const chain = objects.flatMap(({ group, kind, object }) => workloadOf(group, kind, object) ?? []);
  const [own] = chain;
  if (unread !== undefined && own !== undefined && !asksItself(own, settings))
    warn(`${podText(pod)} asks for no networks, and whether its owners do is not known: ${unread}`);
  return originFindings(chain, settings).map(
    ({ workload: { kind, namespace, name }, message }) => `${kind} ${namespace}/${name}: ${message}`,
  );
}
