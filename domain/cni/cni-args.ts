/** CNI_ARGS: `KEY=value` pairs with ";" between them. libcni joins them unescaped, so a value must hold neither. */
import type { Dialect } from '../network-selection.ts';
import type { PodIdentity } from '../pod/pod-view.ts';

export type CniArgs = readonly (readonly [key: string, value: string])[];

const KEY = /^[A-Za-z0-9_]{1,64}$/;
const VALUE = /^[A-Za-z0-9_.:-]{0,256}$/;

const isCniArgsKey = (key: string): boolean => KEY.test(key);
const isCniArgsValue = (value: string): boolean => VALUE.test(value);

/**
 * The pairs of one attachment, in podagent's order: `IgnoreUnknown`, the pod's identity, then the selection's own.
 * NPWG plugins also get K8S_POD_UID, as from Multus, unless the UID is not known.
 */
export function podArgs(dialect: Dialect, pod: PodIdentity, sandboxId: string, own: CniArgs): CniArgs {
  return [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', pod.namespace],
    ['K8S_POD_NAME', pod.name],
    ['K8S_POD_INFRA_CONTAINER_ID', sandboxId],
    ...(dialect === 'npwg' && pod.uid !== '' ? [['K8S_POD_UID', pod.uid] as const] : []),
    ...own,
  ];
}

/**
 * The text of the environment variable.
 * @returns undefined when a key or value could be read as something else
 */
export function cniArgsText(args: CniArgs): string | undefined {
  const safe = args.every(([key, value]) => isCniArgsKey(key) && isCniArgsValue(value));
  return safe ? args.map(([key, value]) => `${key}=${value}`).join(';') : undefined;
}
