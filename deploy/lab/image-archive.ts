/** Images of the store as one tar in the OCI image layout (image-layout.md of the OCI image specification), which `ctr images import` reads; shared layers are in it once. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { must } from './commands.ts';
import type { ImageStore } from './image-store.ts';

interface ArchivedImage {
  /** As containerd lists it: registry/repository:tag. */
  readonly name: string;
  /** Of its manifest: `sha256:…`; what containerd lists as the image's digest. */
  readonly digest: string;
  /** Of its layers, unpacked. */
  readonly bytes: number;
}

export interface ImageArchive {
  /** Path of the tar. */
  readonly file: string;
  readonly images: readonly ArchivedImage[];
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}
interface Manifest {
  readonly mediaType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const TAR_TIMEOUT_MS = 5 * 60_000;
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** Archives of one kind that are kept: a lab may still be reading the last one. */
const KEPT = 2;

/** The archive of that name when it is complete. */
export function presentArchive(file: string): ImageArchive | undefined {
  if (!existsSync(file) || !existsSync(`${file}.json`)) return undefined;
  return { file, images: JSON.parse(readFileSync(`${file}.json`, 'utf8')) as ArchivedImage[] };
}

/** Writes images of the store into one archive. A crash leaves no half of it under its name. */
export async function writeArchive(store: ImageStore, names: readonly string[], file: string): Promise<ImageArchive> {
  const work = mkdtempSync(join(dirname(file), 'tmp', 'archive-'));
  try {
    const blobs = join(work, 'layout/blobs/sha256');
    mkdirSync(blobs, { recursive: true });
    const images: ArchivedImage[] = [];
    const entries: object[] = [];
    for (const name of names) {
      const dumped = join(work, 'dumped');
      await store.dump(name, dumped);
      const text = readFileSync(join(dumped, 'manifest.json'));
      const manifest = JSON.parse(text.toString()) as Manifest;
      const digest = createHash('sha256').update(text).digest('hex');
      for (const blob of [manifest.config, ...manifest.layers]) {
        const hex = blob.digest.slice('sha256:'.length);
        renameSync(join(dumped, hex), join(blobs, hex));
      }
      writeFileSync(join(blobs, digest), text);
      rmSync(dumped, { recursive: true });
      images.push({
        name,
        digest: `sha256:${digest}`,
        bytes: manifest.layers.reduce((sum, { size }) => sum + size, 0),
      });
      entries.push({
        mediaType: manifest.mediaType ?? OCI_MANIFEST,
        digest: `sha256:${digest}`,
        size: text.length,
        annotations: { 'io.containerd.image.name': name },
      });
    }
    writeFileSync(join(work, 'layout/oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    writeFileSync(join(work, 'layout/index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
    const layout = ['oci-layout', 'index.json', 'blobs'];
    await must('tar', ['-C', join(work, 'layout'), '-cf', join(work, 'images.tar'), ...layout], {
      timeoutMs: TAR_TIMEOUT_MS,
    });
    writeFileSync(`${file}.json`, JSON.stringify(images));
    renameSync(join(work, 'images.tar'), file);
    return { file, images };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Deletes all but the newest archives whose names begin like that of `file` up to its last dash. */
export function dropOldArchives(file: string): void {
  const folder = dirname(file);
  const kind = basename(file).replace(/[^-]*$/, '');
  const archives = readdirSync(folder)
    .filter((name) => name.startsWith(kind) && name.endsWith('.tar') && !name.slice(kind.length).includes('-'))
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of archives.slice(KEPT))
    for (const end of ['', '.json']) rmSync(`${path}${end}`, { force: true });
}
