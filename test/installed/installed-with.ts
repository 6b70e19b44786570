/** The lab's installation with something more, as an administrator's own overlay has it. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { waitUntilServing } from '../../deploy/lab/installed.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import { ROOT } from '../runner/groups.ts';

interface More {
  /** Names of folders in deploy/components. */
  readonly components?: readonly string[];
  readonly patches?: readonly object[];
}

/** Returns when all of it serves. @param dir folder for the overlay; one that is there is replaced */
export async function installedWith(lab: Lab, dir: string, { components = [], patches = [] }: More): Promise<void> {
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // Kustomize takes folders by relative paths only.
    resources: [relative(dir, join(lab.dir, 'installed'))],
    components: components.map((name) => relative(dir, join(ROOT, 'deploy/components', name))),
    patches,
  };
  writeFileSync(join(dir, 'kustomization.yaml'), JSON.stringify(kustomization));
  await kubectl(lab, ['apply', '-k', dir], { timeoutMs: 60_000 });
  await waitUntilServing(lab);
}
