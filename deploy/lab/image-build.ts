/** podwire's images as users build them, from the Dockerfiles in deploy/images, kept in the cache by the hash of what goes into them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dropOldArchives, presentArchive, writeArchive, type ImageArchive } from './image-archive.ts';
import { builderSecrets, ensureBases, type Bases } from './image-bases.ts';
import { inputsHash, revision, ROOT, type Revision } from './image-inputs.ts';
import { imageCache, ImageStore } from './image-store.ts';
import { NODE_VERSION } from './node-binary.ts';
import type { Progress } from './progress.ts';

const VERSION = '0.1.0';
export const CONTROL_PLANE_IMAGE = `docker.io/podwire/control-plane:${VERSION}`;
export const NODE_IMAGE = `docker.io/podwire/node:${VERSION}`;
const PODWIRE_AGENT_IMAGE = `docker.io/podwire/agent:${VERSION}`;

export interface PodwireImages {
  /** For `importPodwireImages`. */
  readonly archives: readonly ImageArchive[];
}

export interface ImageOptions {
  /** For crash tests; shipped images have none. */
  readonly failpoints?: boolean;
  /** Also the image of agent containers. */
  readonly agent?: boolean;
  /** Folder of the sources; this checkout's unless told otherwise. */
  readonly root?: string;
}

/**
 * Builds podwire's images, unless they were built from the same sources already: then nothing is started but git.
 *
 * @throws Error with the builder's words.
 */
export async function ensurePodwireImages(progress: Progress, options: ImageOptions = {}): Promise<PodwireImages> {
  const root = options.root ?? ROOT;
  const built = await revision(root);
  const dockerfiles: [string, string][] = [
    [CONTROL_PLANE_IMAGE, 'control-plane'],
    [NODE_IMAGE, 'node'],
    ...(options.agent === true ? [[PODWIRE_AGENT_IMAGE, 'agent'] as [string, string]] : []),
  ];
  const failpoints = options.failpoints === true ? 'true' : '';
  const kind = [
    'podwire',
    ...(options.agent === true ? ['agent'] : []),
    ...(failpoints === '' ? [] : ['failpoints']),
  ].join('-');
  const file = join(imageCache(), `${kind}-${inputsHash([NODE_VERSION, built.commit], root)}.tar`);
  const present = presentArchive(file);
  if (present !== undefined) return { archives: [present] };

  const store = await ImageStore.open(progress);
  const bases = await ensureBases(store, progress);
  const secrets = mkdtempSync(join(imageCache(), 'tmp', 'secrets-'));
  try {
    const extra = [...(await builderSecrets(secrets)), ...buildArguments(bases, built, failpoints)];
    for (const [tag, name] of dockerfiles) {
      const dockerfile = join(root, 'deploy/images', `${name}.Dockerfile`);
      await progress.task(`image ${name}`, () => store.build(tag, dockerfile, root, extra));
    }
  } finally {
    rmSync(secrets, { recursive: true, force: true });
  }
  const archive = await progress.task('archive of the images', () =>
    writeArchive(
      store,
      dockerfiles.map(([tag]) => tag),
      file,
    ),
  );
  for (const { name, bytes } of archive.images) progress.line(`${name}: ${(bytes / 1e6).toFixed(0)} MB unpacked`);
  dropOldArchives(file);
  await store.prune();
  return { archives: [archive] };
}

function buildArguments(bases: Bases, { commit, date }: Revision, failpoints: string): string[] {
  const values = {
    ...{ NODE_IMAGE: bases.node, DEBIAN_IMAGE: bases.debian, BUILD_COMMIT: commit, BUILD_DATE: date },
    FAILPOINTS: failpoints,
  };
  return Object.entries(values).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
}
