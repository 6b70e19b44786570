/** podwire's accounts, roles and admission policies as its manifests have them, under names of their own, so that a lab's podwire is left alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');
const KINDS = new Set([
  ...['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
]);

/** Of an overlay: its folder below deploy; of components: an overlay made for this, which is never written. */
export interface RightsOf {
  readonly overlay: string;
  /** Files below deploy that are added. */
  readonly files?: readonly string[];
}

interface KubeObject {
  readonly kind: string;
  readonly metadata: { name: string; namespace?: string };
  readonly roleRef?: { name: string };
  readonly spec?: { policyName?: string };
}

/** Applies them with everything named podwire… called `namespace`… instead, and gives back what undoes it. */
export async function applyRights(
  lab: Lab,
  namespace: string,
  { overlay, files = [] }: RightsOf,
): Promise<() => Promise<void>> {
  const rendered = await kubectl(lab, ['kustomize', join(DEPLOY, overlay)]);
  const more = files.map((file) => readFileSync(join(DEPLOY, file), 'utf8'));
  const objects = [rendered, ...more]
    .flatMap((text) => loadAll(text.replaceAll('podwire-system', namespace)) as KubeObject[])
    .filter(({ kind }) => KINDS.has(kind))
    .map((object) => renamed(object, namespace));
  const input = objects.map((object) => dump(object)).join('---\n');
  await kubectl(lab, ['apply', '--server-side', '-f', '-'], { input });
  return async () => {
    await kubectl(lab, ['delete', '--ignore-not-found', '--wait=false', '-f', '-'], { input });
  };
}

/** Accounts keep their names, which their namespace tells apart. */
function renamed(object: KubeObject, namespace: string): KubeObject {
  const other = (name: string): string => name.replace(/^podwire(?!-rights)/, namespace);
  const { metadata, roleRef, spec } = object;
  if (metadata.namespace !== namespace) metadata.name = other(metadata.name);
  if (roleRef !== undefined) roleRef.name = other(roleRef.name);
  if (spec?.policyName !== undefined) spec.policyName = other(spec.policyName);
  return object;
}
