/** `npm run crds`: writes the CustomResourceDefinitions of podwire's own kinds into deploy/base/crds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { ownDefinitions } from './manifests.ts';

const FOLDER = join(import.meta.dirname, '..', 'base', 'crds');
const HEAD = '# Made by `npm run crds` from adapters/kubernetes/network-objects.ts, which reads the objects.\n';

for (const { file, manifest } of ownDefinitions())
  writeFileSync(join(FOLDER, file), `${HEAD}${dump(manifest, { lineWidth: -1, noRefs: true })}`);
