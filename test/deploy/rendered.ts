/** Objects as kubectl's kustomize and helm make them from what is shipped. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import { ensureBinaries, KUBERNETES_VERSION, presentBinaries } from '../../deploy/lab/binaries.ts';
import { must } from '../../deploy/lab/commands.ts';
import { ensureHelm } from '../../deploy/lab/helm.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';

export const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number; readonly host?: string };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly mountPropagation?: string;
    readonly readOnly?: boolean;
  }[];
}

export interface PodSpec {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly [Container];
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: Record<string, unknown>;
  readonly volumes?: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string; readonly type: string };
    readonly secret?: { readonly secretName: string };
    readonly configMap?: { readonly name: string };
  }[];
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string; readonly whenUnsatisfiable: string }[];
  readonly hostNetwork?: boolean;
  readonly dnsPolicy?: string;
  readonly tolerations?: readonly object[];
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: unknown;
    readonly ports?: readonly { readonly name: string; readonly targetPort: string | number }[];
    readonly template?: {
      readonly metadata: { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> };
      readonly spec: PodSpec;
    };
  };
}

/** An overlay or the base, by its folder below deploy. */
export async function kustomized(folder: string): Promise<KubeObject[]> {
  const kubectl = (await presentBinaries()).kubectl ?? (await ensureBinaries(silentProgress)).kubectl;
  const text = await must(kubectl, ['kustomize', join(DEPLOY, folder)], { timeoutMs: 60_000 });
  return loadAll(text) as KubeObject[];
}

export interface Made {
  readonly overlay: string;
  readonly components?: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
}

/** An overlay with components and settings of its own, as its reader would write it. */
export async function kustomizedWith({ overlay, components = [], settings = {} }: Made): Promise<KubeObject[]> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-overlay-'));
  const from = (path: string): string => relative(folder, join(DEPLOY, path));
  const generator = {
    name: 'podwire-settings',
    namespace: 'podwire-system',
    behavior: 'merge',
    literals: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
  };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [from(overlay)],
    components: components.map((name) => from(`components/${name}`)),
    ...(generator.literals.length === 0 ? {} : { configMapGenerator: [generator] }),
  };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  try {
    return await kustomized(relative(DEPLOY, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The chart under these values. @throws Error with helm's words when the values are refused */
export async function charted(values: object, namespace = 'podwire-system'): Promise<KubeObject[]> {
  const home = mkdtempSync(join(tmpdir(), 'podwire-helm-'));
  try {
    const text = await must(
      await ensureHelm(),
      [
        ...['template', 'podwire', join(DEPLOY, 'chart'), '--namespace', namespace, '--values', '-'],
        ...['--kube-version', KUBERNETES_VERSION],
      ],
      { input: JSON.stringify(values), env: { HOME: home }, timeoutMs: 60_000 },
    );
    return (loadAll(text) as (KubeObject | null)[]).filter((object) => object !== null);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** @throws Error when there is none */
export function one(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

export function podOf(object: KubeObject): PodSpec {
  const spec = object.spec?.template?.spec;
  if (spec === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no pods`);
  return spec;
}

export const workloads = (objects: readonly KubeObject[]): KubeObject[] =>
  objects.filter(({ kind }) => ['Deployment', 'DaemonSet', 'StatefulSet'].includes(kind));
