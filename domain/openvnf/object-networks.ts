/** Networks that kube-vxlan-controller's annotation names and only a network object declares: `blue ip=10.20.0.5/16`. */
import type { DefinitionLookup, DefinitionRef } from '../cni/network-definition.ts';
import { declaredNetwork } from '../network-objects/network-object.ts';
import { candidates } from '../network-objects/references.ts';
import { judgeObject } from '../network-objects/selections.ts';
import type { SelectionProblem, VxlanSelection } from '../network-selection.ts';
import type { Rejoins } from '../plan/published-claims.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import { parseAnnotation, type AnnotatedNetwork } from './annotation.ts';
import { NOTHING_DECLARED, type DeclaredNetworks } from './config-map.ts';
import type { NetworkOptions } from './options.ts';
import { problem } from './problems.ts';
import type { Compatibility } from '../settings.ts';

export interface ObjectNetworkInput {
  readonly podNamespace: string;
  readonly lookup: DefinitionLookup;
  readonly declared: DeclaredNetworks | 'absent';
  readonly rejoins: Rejoins | undefined;
  readonly ip: IpCodec;
}

/** What the object decides, as the annotation calls it. */
const FIXED: Readonly<Partial<Record<keyof NetworkOptions, string>>> = {
  ...{ dev: 'dev', mtu: 'mtu', dstPort: 'dstport', srcPorts: 'srcport' },
  ...{ routes: 'route', peers: 'peers', flood: 'flood' },
};

/** Objects that an annotation may mean: an id in the annotation or a name in the ConfigMap says that it means none. */
export const objectsNamed = (
  annotation: string,
  declared: DeclaredNetworks | 'absent',
  podNamespace: string,
  ip: IpCodec,
  compatibility: Compatibility,
): readonly DefinitionRef[] =>
  parseAnnotation(annotation, ip, compatibility)
    .networks.filter((network) => mayBeObject(network, declared))
    .flatMap(({ name }) => candidates({ network: name }, podNamespace));

function mayBeObject({ name, options, problems }: AnnotatedNetwork, declared: DeclaredNetworks | 'absent'): boolean {
  const { networks, broken } = declared === 'absent' ? NOTHING_DECLARED : declared;
  const saysId = options.id !== undefined || problems.some(({ option }) => option === 'id');
  return !saysId && !networks.has(name) && !broken.has(name);
}

/** Undefined: no object has the name, or the annotation means none. */
export function objectNetwork(
  network: AnnotatedNetwork,
  { podNamespace, lookup, declared, rejoins, ip }: ObjectNetworkInput,
): { readonly selection: VxlanSelection } | { readonly problems: readonly SelectionProblem[] } | undefined {
  if (!mayBeObject(network, declared)) return undefined;
  const { name, options, line } = network;
  if (candidates({ network: name }, podNamespace).every((ref) => lookup(ref) === 'absent')) return undefined;
  const place = { network: name, line };
  const fixed = [
    ...(Object.keys(options) as (keyof NetworkOptions)[]).flatMap((key) => FIXED[key] ?? []),
    ...(options.up === false ? ['up'] : []),
  ].map((option) => {
    const why = 'is said by the network object; allowed for such a network: ip, name, up';
    return problem('FixedByDeclaration', { ...place, option }, why);
  });
  const judged = judgeObject(
    { ok: true, value: { network: name } },
    {
      ...{ dialect: 'openvnf', network: name, namespace: podNamespace, podNamespace, lookup, declared, rejoins, ip },
      asked: {
        ...{ kind: 'cni', interfaceName: options.name ?? name, args: [], defaultRoute: [] },
        capabilityArgs: { ips: options.addresses ?? [] },
      },
    },
  );
  const problems = [...fixed, ...judged.problems.map((found) => ({ ...found, line }))];
  if (problems.length > 0 || !('link' in judged)) return { problems };
  return {
    selection: {
      ...{ kind: 'vxlan', dialect: 'openvnf' },
      ...{ network: declaredNetwork(judged.object), link: judged.link },
    },
  };
}
