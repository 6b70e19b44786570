/** Asks the Kubernetes API what the checks at start want to know. */
import type { ApiRight, DefinitionKindFacts, KubernetesFacts } from '../../domain/start-checks/kubernetes.ts';
import { bodyOf, type KubeClient } from '../kubernetes/client.ts';
import { definitionsPath } from '../kubernetes/definitions.ts';

const CALL_MS = 1_500;

/**
 * @param rights what the part does; those on kinds that the cluster lacks are not asked for
 * @param kinds kinds of definitions whose dialects are on
 */
export async function kubernetesFacts(
  kube: KubeClient,
  rights: readonly ApiRight[],
  kinds: readonly DefinitionKindFacts['kind'][],
): Promise<KubernetesFacts> {
  try {
    const [server, definitions] = await Promise.all([
      versionAndClock(kube),
      Promise.all(kinds.map(async (kind) => ({ kind, present: await hasKind(kube, kind) }))),
    ]);
    const lacking = new Set(definitions.flatMap(({ kind, present }) => (present ? [] : [kind])));
    const asked = rights.filter(({ definitions: kind }) => kind === undefined || !lacking.has(kind));
    const granted = await Promise.all(asked.map((right) => isGranted(kube, right)));
    return { ...server, definitions, denied: asked.filter((_, index) => granted[index] !== true) };
  } catch (error) {
    return { unreachable: error instanceof Error ? error.message : String(error) };
  }
}

async function versionAndClock(kube: KubeClient): Promise<Pick<KubernetesFacts, 'version' | 'clockMs'>> {
  const askedAt = Date.now();
  const answer = await kube.call({ method: 'GET', path: '/version', deadlineMs: CALL_MS });
  const body = bodyOf(answer, 'ask for the version') as { gitVersion?: unknown } | undefined;
  const clockMs =
    answer.serverTimeMs === undefined ? undefined : clockDifference(answer.serverTimeMs, askedAt, Date.now());
  return {
    ...(typeof body?.gitVersion === 'string' ? { version: body.gitVersion } : {}),
    ...(clockMs === undefined ? {} : { clockMs }),
  };
}

/** This clock minus the other, which said a whole second at some time between the two of ours. */
export function clockDifference(serverMs: number, askedAt: number, answeredAt: number): number {
  if (askedAt > serverMs + 999) return askedAt - (serverMs + 999);
  return answeredAt < serverMs ? answeredAt - serverMs : 0;
}

async function hasKind(kube: KubeClient, kind: DefinitionKindFacts['kind']): Promise<boolean> {
  const path = definitionsPath(kind);
  // Discovery, which every account may ask: the list of what the group version has.
  const group = path.slice(0, path.lastIndexOf('/'));
  const body = bodyOf(await kube.call({ method: 'GET', path: group, deadlineMs: CALL_MS }), `look for ${path}`);
  const { resources = [] } = (body ?? {}) as { resources?: readonly { name?: string }[] };
  return resources.some(({ name }) => path.endsWith(`/${String(name)}`));
}

async function isGranted(kube: KubeClient, right: ApiRight): Promise<boolean> {
  const { verb, group, resource: full, namespace, name } = right;
  const [resource = '', subresource] = full.split('/');
  const answer = await kube.call({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    deadlineMs: CALL_MS,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource, subresource, namespace, name } },
    },
  });
  const body = bodyOf(answer, `ask for the right to ${verb} ${full}`);
  return (body as { status?: { allowed?: boolean } } | undefined)?.status?.allowed === true;
}
