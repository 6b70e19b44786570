/** The table of docs/rights.md, and what the API server says, in the same form: one text per right. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClient } from '../../adapters/kubernetes/client.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'rights.md');

/** For example `podwire-watcher list pods`; of one object, `podwire-watcher list configmaps kube-system/name`. */
export function rightsInTable(account: string, parts: readonly string[]): Set<string> {
  const rows = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| podwire-'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const rights = new Set<string>();
  for (const [, of = '', resources = '', verbs = '', where = '', part = ''] of rows) {
    if (of !== account || !parts.includes(part)) continue;
    const object = where.includes('/') ? ` ${where}` : '';
    for (const resource of resources.split(', '))
      for (const verb of verbs.split(', ')) rights.add(`${account} ${verb} ${resource}${object}`);
  }
  return rights;
}

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/**
 * Everything that the API server allows whoever asks in a namespace, in all namespaces included, by its own account of it
 * (SelfSubjectRulesReview, authorization.k8s.io/v1); a wildcard stays one.
 */
export async function rightsInApi(client: KubeClient, account: string, namespace: string): Promise<Set<string>> {
  const { body } = await client.call({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    deadlineMs: 10_000,
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
  });
  const { status } = body as { status?: { incomplete: boolean; resourceRules: readonly Rule[] } };
  if (status?.incomplete !== false) throw new Error(`no complete answer: ${JSON.stringify(body)}`);
  return new Set(status.resourceRules.flatMap((rule) => texts(account, namespace, rule)));
}

function texts(account: string, namespace: string, rule: Rule): string[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [] } = rule;
  const objects = resourceNames.length === 0 ? [''] : resourceNames.map((name) => ` ${namespace}/${name}`);
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) =>
        objects.map((object) => `${account} ${verb} ${group === '' ? '' : `${group}/`}${resource}${object}`),
      ),
    ),
  );
}
