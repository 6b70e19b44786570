/** Settings that several processes share, with one meaning in all of them. */
import { z } from 'zod';
import { LOG_LEVELS } from '../adapters/log/logger.ts';
import { splitAddress } from '../adapters/http/web-server.ts';
import { HOST_KEYS } from '../domain/cni/policy.ts';
import { DEFAULT_DIALECT_SETTINGS, type DialectSettings } from '../domain/settings.ts';
import { agentSettings, agentsOf } from './agents.ts';
import type { SettingsTable, Values } from './cli-flags.ts';
import { FILE_ENV, FILE_FLAG } from './settings-file.ts';

/** Label and annotation keys: an optional DNS prefix, a slash, and a name (Kubernetes: "qualified name"). */
const qualifiedName = z
  .string()
  .regex(
    /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
    'must be a label key such as example.org/name',
  );

const dnsName = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const dnsSubdomain = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?';

export const optionalText = z.string().optional();

/** Read before all others, see `settings-file`; here so that it is known as a flag and shown by `--help`. */
export const fileSettings = {
  config: {
    flag: FILE_FLAG,
    env: FILE_ENV,
    schema: optionalText,
    help: 'settings file (YAML or JSON): flags with "_" for "-"; flags and environment win over it',
  },
} as const satisfies SettingsTable;

/** A `host:port` text; port and brackets are checked, the name is not looked up. */
export const addressText = z.string().refine(
  (text) => {
    try {
      splitAddress(text);
      return true;
    } catch {
      return false;
    }
  },
  { error: 'must be host:port, [IPv6]:port or :port' },
);

/** Whole or decimal seconds within limits, given back in milliseconds. */
export const seconds = (fallback: number, min: number, max: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^\d{1,6}(\.\d{1,3})?$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `must be seconds from ${min} to ${max}`,
    })
    .transform((text) => Number(text) * 1_000);

export const logSettings = {
  logLevel: {
    flag: 'log-level',
    env: 'PODWIRE_LOG_LEVEL',
    schema: z.enum(LOG_LEVELS).default('info'),
    help: `one of ${LOG_LEVELS.join(', ')}`,
  },
} as const satisfies SettingsTable;

export const kubernetesSettings = {
  kubeconfig: {
    flag: 'kubeconfig',
    env: 'PODWIRE_KUBECONFIG',
    schema: optionalText,
    help: 'kubeconfig file; without one, the service account of the pod',
  },
} as const satisfies SettingsTable;

/** A CNI plugin's file name. */
const pluginType = /^[a-zA-Z0-9](?!.*\.\.)[a-zA-Z0-9_.-]{0,63}$/;

export const switched = (fallback: boolean) =>
  z
    .enum(['true', 'false'])
    .default(fallback ? 'true' : 'false')
    .transform((text) => text === 'true');

/** Words separated by commas; white space around one means nothing. */
const words = (fallback: readonly string[], pattern: RegExp, what: string) =>
  z
    .string()
    .default(fallback.join(','))
    .transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .refine((list) => list.every((word) => pattern.test(word)), { error: `must be ${what}, separated by commas` });

/** What network definitions may make plugins do; of the processes that write what plugins are called with, and of those that call them. */
export const cniPolicySettings = {
  cniPluginTypes: {
    flag: 'cni-plugin-types',
    env: 'PODWIRE_CNI_PLUGIN_TYPES',
    schema: words(DEFAULT_DIALECT_SETTINGS.cniPolicy.pluginTypes, pluginType, 'names of CNI plugins'),
    help: 'CNI plugins, IPAM included, that network definitions may name, separated by commas',
  },
  cniHostKeys: {
    flag: 'cni-host-keys',
    env: 'PODWIRE_CNI_HOST_KEYS',
    schema: words(
      DEFAULT_DIALECT_SETTINGS.cniPolicy.hostKeys,
      new RegExp(`^(${HOST_KEYS.join('|')})$`),
      `keys among ${HOST_KEYS.join(', ')}`,
    ),
    help: 'keys that reach into the host and that network definitions may use nevertheless, separated by commas',
  },
} as const satisfies SettingsTable;

/** By which labels and annotations a pod asks for networks; a node worker has these too. */
export const askSettings = {
  selector: {
    flag: 'selector',
    env: 'PODWIRE_SELECTOR',
    schema: qualifiedName.default(DEFAULT_DIALECT_SETTINGS.selector),
    help: 'label key that selects pods',
  },
  npwg: {
    flag: 'npwg',
    env: 'PODWIRE_NPWG',
    schema: switched(DEFAULT_DIALECT_SETTINGS.npwg.enabled),
    help: 'annotation k8s.v1.cni.cncf.io/networks: true or false',
  },
  kaloom: {
    flag: 'kaloom',
    env: 'PODWIRE_KALOOM',
    schema: switched(DEFAULT_DIALECT_SETTINGS.kaloom.enabled),
    help: "Kaloom's annotation networks: true or false",
  },
} as const satisfies SettingsTable;

export const dialectSettings = {
  ...askSettings,
  annotation: {
    flag: 'annotation',
    env: 'PODWIRE_ANNOTATION',
    schema: qualifiedName.default(DEFAULT_DIALECT_SETTINGS.annotation),
    help: 'annotation that holds the networks',
  },
  configMap: {
    flag: 'configmap',
    env: 'PODWIRE_CONFIGMAP',
    schema: z
      .string()
      .regex(new RegExp(`^${dnsName}/${dnsSubdomain}$`), 'must be namespace/name')
      .default(`${DEFAULT_DIALECT_SETTINGS.configMapNamespace}/${DEFAULT_DIALECT_SETTINGS.configMapName}`),
    help: 'namespace/name of the ConfigMap that declares networks',
  },
  configMapName: {
    flag: 'configmap-name',
    env: 'PODWIRE_CONFIGMAP_NAME',
    schema: z
      .string()
      .regex(new RegExp(`^${dnsSubdomain}$`), 'must be the name of a ConfigMap')
      .optional(),
    help: 'another name of that ConfigMap, in the same namespace; as in kube-vxlan-controller',
  },
  inlineScope: {
    flag: 'inline-scope',
    env: 'PODWIRE_INLINE_SCOPE',
    schema: z.enum(['namespace', 'cluster']).optional(),
    help: 'whether an inline network belongs to its namespace (podwire) or, by name alone, to the cluster (kube-vxlan-controller)',
  },
  compatibility: {
    flag: 'compatibility',
    env: 'PODWIRE_COMPATIBILITY',
    schema: z.enum(['podwire', 'kube-vxlan-controller']).default(DEFAULT_DIALECT_SETTINGS.compatibility),
    help: "whose rules decide where podwire's are stricter: podwire or kube-vxlan-controller",
  },
  npwgNamespaceIsolation: {
    flag: 'npwg-namespace-isolation',
    env: 'PODWIRE_NPWG_NAMESPACE_ISOLATION',
    schema: switched(DEFAULT_DIALECT_SETTINGS.npwg.namespaceIsolation),
    help: 'whether a pod may only name networks of its own and of the shared namespaces: true or false',
  },
  npwgAdoptForeign: {
    flag: 'npwg-adopt-foreign',
    env: 'PODWIRE_NPWG_ADOPT_FOREIGN',
    schema: switched(DEFAULT_DIALECT_SETTINGS.npwg.adoptForeign),
    help: 'whether a network that Multus attached is detached when its entry is taken out of the annotation: true or false',
  },
  npwgSharedNamespaces: {
    flag: 'npwg-shared-namespaces',
    env: 'PODWIRE_NPWG_SHARED_NAMESPACES',
    schema: words(DEFAULT_DIALECT_SETTINGS.npwg.sharedNamespaces, new RegExp(`^${dnsName}$`), 'namespaces'),
    help: 'namespaces whose networks every pod may name, separated by commas',
  },
  kaloomNamespace: {
    flag: 'kaloom-namespace',
    env: 'PODWIRE_KALOOM_NAMESPACE',
    schema: z
      .string()
      .regex(new RegExp(`^${dnsName}$`), 'must be a namespace')
      .default(DEFAULT_DIALECT_SETTINGS.kaloom.namespace),
    help: "namespace of Kaloom's Network objects",
  },
  ...cniPolicySettings,
  ...agentSettings,
} as const satisfies SettingsTable;

export function dialectOf(values: Values<typeof dialectSettings>): DialectSettings {
  const [configMapNamespace = '', nameThere = ''] = values.configMap.split('/');
  const configMapName = values.configMapName ?? nameThere;
  return {
    selector: values.selector,
    annotation: values.annotation,
    configMapName,
    configMapNamespace,
    inlineScope: values.inlineScope ?? (values.compatibility === 'podwire' ? 'namespace' : 'cluster'),
    compatibility: values.compatibility,
    npwg: {
      enabled: values.npwg,
      namespaceIsolation: values.npwgNamespaceIsolation,
      sharedNamespaces: values.npwgSharedNamespaces,
      adoptForeign: values.npwgAdoptForeign,
    },
    kaloom: { enabled: values.kaloom, namespace: values.kaloomNamespace },
    cniPolicy: { pluginTypes: values.cniPluginTypes, hostKeys: values.cniHostKeys },
    agents: agentsOf(values),
  };
}
