/** What is looked for at the Kubernetes API, from the facts that it told. */
import type { DefinitionKind } from '../cni/network-definition.ts';
import { passed, type About, type Check } from './check.ts';

/** One verb on one kind of object, in all namespaces unless one is named. */
export interface ApiRight {
  readonly verb: string;
  /** Empty: the core group. */
  readonly group: string;
  /** `pods`, `pods/status`. */
  readonly resource: string;
  readonly namespace?: string;
  /** Of a single object. */
  readonly name?: string;
  /** What the part does with it, for people. */
  readonly why: string;
  /** Kind of objects that a cluster may lack: then it is asked for no right on them. */
  readonly definitions?: DefinitionKind;
}

export interface DefinitionKindFacts {
  readonly kind: DefinitionKind;
  readonly present: boolean;
}

export interface KubernetesFacts {
  readonly unreachable?: string;
  readonly version?: string;
  /** Those that the API denies; the rest is granted. */
  readonly denied?: readonly ApiRight[];
  readonly definitions?: readonly DefinitionKindFacts[];
  /** This clock minus the API server's, in milliseconds. */
  readonly clockMs?: number;
}

export interface KubernetesTarget {
  /** Path of the kubeconfig; undefined: the service account of the pod. */
  readonly kubeconfig: string | undefined;
  /** Where the API is. */
  readonly server: string;
  /** Environment variable of the kubeconfig. */
  readonly setting: string;
}

/** More than that, and certificates, leases and the ages that people read are wrong. */
const MAX_CLOCK_MS = 30_000;

interface KindCheck {
  readonly name: string;
  readonly text: string;
  readonly setting: string;
  readonly cure: string;
}

const DEFINITIONS: Readonly<Record<DefinitionKind, KindCheck>> = {
  nad: {
    name: 'crd-network-attachment-definitions',
    text: 'the cluster has no NetworkAttachmentDefinition: pods that name CNI networks are refused until it has',
    setting: 'PODWIRE_NPWG',
    cure: 'kubectl apply -f deploy/base/crds/network-attachment-definition.yaml, or PODWIRE_NPWG=false',
  },
  kaloom: {
    name: 'crd-kaloom-networks',
    text: "the cluster has no Kaloom Network: pods that name Kaloom's networks are refused until it has",
    setting: 'PODWIRE_KALOOM',
    cure: 'kubectl apply -f deploy/base/crds/kaloom-network.yaml, or PODWIRE_KALOOM=false',
  },
  network: ownKind('Network', 'network'),
  'cluster-network': ownKind('ClusterNetwork', 'cluster-network'),
};

function ownKind(kind: string, file: string): KindCheck {
  return {
    name: `crd-${file}s`,
    text: `the cluster has no ${kind} of podwire.io: pods whose definitions name one are refused until it has`,
    setting: 'PODWIRE_NPWG',
    cure: `kubectl apply -f deploy/base/crds/${file}.yaml`,
  };
}

export function kubernetesChecks(target: KubernetesTarget, facts: KubernetesFacts): Check[] {
  const about: About = { setting: target.setting, value: target.kubeconfig ?? `service account (${target.server})` };
  if (facts.unreachable !== undefined)
    return [
      {
        ...{ name: 'kubernetes-reachable', state: 'error', ...about },
        text: `the Kubernetes API at ${target.server} does not answer: ${facts.unreachable}`,
        allowed: 'a kubeconfig, or the service account of a pod, with an API server that answers',
        cure: `kubectl --server ${target.server} get --raw /readyz`,
      },
    ];
  return [
    passed(
      'kubernetes-reachable',
      `the API at ${target.server} answers${facts.version === undefined ? '' : `, ${facts.version}`}`,
      about,
    ),
    ...(facts.denied === undefined ? [] : rightsChecks(facts.denied, about)),
    ...(facts.definitions ?? []).map(definitionCheck),
    ...(facts.clockMs === undefined ? [] : [clockCheck('clock', facts.clockMs, "the API server's")]),
  ];
}

function rightsChecks(denied: readonly ApiRight[], about: About): Check[] {
  const name = 'kubernetes-rights';
  if (denied.length === 0) return [passed(name, 'all rights are granted', about)];
  return denied.map((right): Check => ({
    ...{ name, state: 'error', ...about },
    text: `not allowed: ${right.verb} ${objectOf(right)} (${right.why})`,
    allowed: `${right.verb} on ${right.resource}${right.group === '' ? '' : ` of ${right.group}`}`,
    cure: `kubectl apply -k the overlay again (RBAC), then: kubectl auth can-i ${right.verb} ${objectOf(right)} ${
      right.namespace === undefined ? '--all-namespaces' : `-n ${right.namespace}`
    } --as system:serviceaccount:podwire-system:ACCOUNT`,
  }));
}

function objectOf({ resource, group, name }: ApiRight): string {
  const [kind = '', sub] = resource.split('/');
  const full = `${kind}${group === '' ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`;
  return sub === undefined ? full : `${full} --subresource=${sub}`;
}

function definitionCheck({ kind, present }: DefinitionKindFacts): Check {
  const { name, text, setting, cure } = DEFINITIONS[kind];
  if (present) return passed(name, 'the cluster has it', { setting, value: 'true' });
  return { name, state: 'warning', text, setting, value: 'true', cure };
}

/** @param differenceMs this clock minus the other */
export function clockCheck(name: string, differenceMs: number, other: string): Check {
  const seconds = Math.round(Math.abs(differenceMs) / 1_000);
  if (Math.abs(differenceMs) <= MAX_CLOCK_MS) return passed(name, `at most ${seconds} s from ${other}`);
  return {
    ...{ name, state: 'warning' },
    text: `this clock is ${seconds} s ${differenceMs > 0 ? 'ahead of' : 'behind'} ${other}`,
    allowed: `at most ${MAX_CLOCK_MS / 1_000} s`,
    cure: 'timedatectl status, on both machines: turn NTP on',
  };
}
