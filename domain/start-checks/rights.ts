/** What each part does in the Kubernetes API; docs/rights.md has the same as a table. */
import type { DialectSettings } from '../settings.ts';
import type { DefinitionKind } from '../cni/network-definition.ts';
import type { ApiRight } from './kubernetes.ts';

type Rule = Omit<ApiRight, 'verb'>;

const each = (verbs: readonly string[], rule: Rule): ApiRight[] => verbs.map((verb) => ({ verb, ...rule }));
const core = (resource: string, why: string): Rule => ({ group: '', resource, why });

/** Kinds of definitions whose dialects are on; a NetworkAttachmentDefinition may lead to one of podwire's own kinds. */
export const definitionKinds = ({ npwg, kaloom }: DialectSettings): DefinitionKind[] => [
  ...(npwg.enabled ? (['nad', 'network', 'cluster-network'] as const) : []),
  ...(kaloom.enabled ? (['kaloom'] as const) : []),
];

function definitions(settings: DialectSettings, verbs: readonly string[], why: string): ApiRight[] {
  const rules: Record<DefinitionKind, Rule> = {
    nad: { group: 'k8s.cni.cncf.io', resource: 'network-attachment-definitions', why, definitions: 'nad' },
    kaloom: { group: 'kaloom.com', resource: 'networks', why, definitions: 'kaloom' },
    network: { group: 'podwire.io', resource: 'networks', why, definitions: 'network' },
    'cluster-network': { group: 'podwire.io', resource: 'clusternetworks', why, definitions: 'cluster-network' },
  };
  return definitionKinds(settings).flatMap((kind) => each(verbs, rules[kind]));
}

const configMap = ({ configMapNamespace, configMapName }: DialectSettings): Rule => ({
  ...core('configmaps', 'networks of the whole cluster are declared in this one'),
  namespace: configMapNamespace,
  name: configMapName,
});

export const watcherRights = (settings: DialectSettings, reflects: boolean): ApiRight[] => [
  ...each(['get', 'list', 'watch'], core('pods', 'sees which pods ask for networks')),
  ...each(['list', 'watch'], configMap(settings)),
  ...definitions(settings, ['list', 'watch'], 'a changed definition changes what its pods ask for'),
  ...(reflects ? reflected(['list', 'watch'], ['list', 'watch']) : []),
];

export const orchestratorRights = (settings: DialectSettings): ApiRight[] => [
  ...each(['get', 'list'], core('pods', 'decides by the pod as it is')),
  ...each(['patch'], core('pods/status', 'publishes what was attached')),
  ...each(['create'], core('events', "tells the pod's owner what happened")),
  ...each(['get'], core('nodes', 'a node that is gone for good leaves the meshes')),
  ...each(['get'], configMap(settings)),
  ...definitions(settings, ['get'], 'the configuration that a pod refers to'),
  ...networkObjects(settings),
  // Per namespace it may be bound there alone; for the whole cluster it must be everywhere.
  ...(settings.agents.backend.default === 'exec'
    ? each(['get', 'create'], core('pods/exec', 'works in agent containers'))
    : execNamespaces(settings).flatMap((namespace) =>
        each(['get', 'create'], { ...core('pods/exec', 'works in agent containers'), namespace }),
      )),
];

/** What the run of a network object writes. */
function networkObjects(settings: DialectSettings): ApiRight[] {
  const kinds = { networks: 'network', clusternetworks: 'cluster-network' } as const;
  if (!settings.npwg.enabled) return [];
  return Object.entries(kinds).flatMap(([resource, definitions]) => [
    ...each(['patch'], { group: 'podwire.io', resource, definitions, why: 'keeps it until its members are gone' }),
    ...each(['patch'], {
      group: 'podwire.io',
      resource: `${resource}/status`,
      definitions,
      why: 'says its VNI and members',
    }),
  ]);
}

const execNamespaces = ({ agents }: DialectSettings): string[] =>
  [...Object.entries(agents.backend.byNamespace)].flatMap(([namespace, backend]) =>
    backend === 'exec' ? [namespace] : [],
  );

export const ksrRights = (): ApiRight[] => [
  ...each(['get', 'list', 'watch'], core('pods', 'reflects it')),
  ...reflected(['get', 'list', 'watch'], ['list', 'watch']),
];

function reflected(verbs: readonly string[], ofSlices: readonly string[]): ApiRight[] {
  const why = 'reflects it';
  return [
    ...['namespaces', 'services', 'endpoints', 'nodes'].flatMap((resource) => each(verbs, core(resource, why))),
    ...each(verbs, { group: 'networking.k8s.io', resource: 'networkpolicies', why }),
    ...each(ofSlices, { group: 'discovery.k8s.io', resource: 'endpointslices', why }),
  ];
}
