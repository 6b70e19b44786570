/**
 * The pod that a call is for, from CNI_ARGS: `KEY=value` pairs with ";" between them, as kubelet's runtimes write them
 * (containerd's internal/cri/server/sandbox_run.go, CRI-O's server/sandbox_network.go).
 */
import { shown } from '../text/shown.ts';
import type { PodCniCall } from './pod-cni.ts';

export type CalledPod = PodCniCall['pod'];

/** Whom nobody named; only in a DEL. */
const UNNAMED: CalledPod = { namespace: '', name: '', uid: undefined };

const MAX_ARGS = 16 * 1024;
const RUNTIMES_OWN = [
  'IgnoreUnknown',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_INFRA_CONTAINER_ID',
  'K8S_POD_UID',
];
/** What Go's strconv.ParseBool takes for true, which the reference library reads `IgnoreUnknown` with. */
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

const RULES = {
  K8S_POD_NAMESPACE: [/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'a DNS label'],
  K8S_POD_NAME: [/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'a DNS subdomain'],
  // That of a static pod is an MD5 without dashes.
  K8S_POD_UID: [/^[A-Za-z0-9-]{1,128}$/, '1 to 128 letters, digits and "-"'],
} as const;
type Rule = keyof typeof RULES;

/** @param isForgiving what cannot be read is as good as not said */
export function podOfArgs(
  text: string,
  isForgiving: boolean,
): CalledPod | { readonly problems: readonly [string, ...string[]] } {
  const { args, problems } = pairsOf(text);
  const value = (key: Rule): string | undefined => {
    const found = args.get(key);
    const [pattern, rule] = RULES[key];
    if (found !== undefined && pattern.test(found)) return found;
    const isOptional = key === 'K8S_POD_UID' && (found === undefined || found === '');
    if (!isOptional)
      problems.push(
        `${key} of CNI_ARGS ${found === undefined ? 'is missing' : `is ${shown(found)}`}; allowed: ${rule}`,
      );
    return undefined;
  };
  const namespace = value('K8S_POD_NAMESPACE');
  const name = value('K8S_POD_NAME');
  const uid = value('K8S_POD_UID');
  const [first, ...others] = problems;
  if (first !== undefined && !isForgiving) return { problems: [first, ...others] };
  return namespace === undefined || name === undefined ? UNNAMED : { namespace, name, uid };
}

function pairsOf(text: string): { args: Map<string, string>; problems: string[] } {
  const args = new Map<string, string>();
  if (text.length > MAX_ARGS)
    return { args, problems: [`CNI_ARGS has more than ${MAX_ARGS} characters; allowed: at most that`] };
  const problems: string[] = [];
  for (const pair of text.split(';').filter((each) => each !== '')) {
    const [key = '', value, ...more] = pair.split('=');
    if (value === undefined || more.length > 0 || key === '')
      problems.push(`CNI_ARGS holds ${shown(pair)}; allowed: KEY=value pairs with ";" between them`);
    else if (args.has(key)) problems.push(`CNI_ARGS holds ${shown(key)} twice; allowed: once`);
    else args.set(key, value);
  }
  const unknown = [...args.keys()].filter((key) => !RUNTIMES_OWN.includes(key));
  if (unknown.length > 0 && !TRUE.has(args.get('IgnoreUnknown') ?? ''))
    problems.push(
      `CNI_ARGS holds ${unknown.map(shown).join(', ')}; allowed without IgnoreUnknown=1: ${RUNTIMES_OWN.join(', ')}`,
    );
  return { args, problems };
}
