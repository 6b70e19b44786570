/** Stand-ins for the images of Temporal's command line and of etcd, which the evaluation overlay names, from binaries of this machine: no registry is needed. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from './commands.ts';
import { dropOldArchives, presentArchive, writeArchive, type ImageArchive } from './image-archive.ts';
import { imageCache, ImageStore } from './image-store.ts';
import type { Progress } from './progress.ts';

const TEMPORAL_IMAGE = 'docker.io/temporalio/temporal:1.5.1';
const ETCD_IMAGE = 'quay.io/coreos/etcd:v3.6.4';

export interface EvaluationBinaries {
  readonly temporal: string;
  readonly etcd: string;
  readonly etcdctl: string;
}

/** Any user may run them; the numbers are those of the images they stand in for. */
const TEMPORAL = { user: '1000:1000', entrypoint: ['/usr/local/bin/temporal'], command: [] };
const ETCD = { user: '0:0', entrypoint: [], command: ['/usr/local/bin/etcd'] };

/** Makes the archive of both, unless one of the same binaries is there. */
export async function ensureEvaluationImages(progress: Progress, binaries: EvaluationBinaries): Promise<ImageArchive> {
  const hash = createHash('sha256').update(JSON.stringify([TEMPORAL, ETCD]));
  for (const path of Object.values(binaries)) hash.update(readFileSync(path as string));
  const file = join(imageCache(), `evaluation-${hash.digest('hex').slice(0, 16)}.tar`);
  const present = presentArchive(file);
  if (present !== undefined) return present;
  const store = await ImageStore.open(progress);
  return progress.task('images of temporal and etcd', async () => {
    await makeImage(store, TEMPORAL_IMAGE, [binaries.temporal], TEMPORAL);
    await makeImage(store, ETCD_IMAGE, [binaries.etcd, binaries.etcdctl], ETCD);
    const archive = await writeArchive(store, [TEMPORAL_IMAGE, ETCD_IMAGE], file);
    dropOldArchives(file);
    return archive;
  });
}

async function makeImage(
  store: ImageStore,
  tag: string,
  programs: readonly string[],
  how: typeof TEMPORAL | typeof ETCD,
): Promise<void> {
  const work = mkdtempSync(join(imageCache(), 'tmp', 'evaluation-'));
  try {
    const root = join(work, 'root');
    for (const folder of ['etc', 'tmp', 'usr/local/bin', 'lib64']) mkdirSync(join(root, folder), { recursive: true });
    chmodSync(join(root, 'tmp'), 0o1777);
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/tmp:/sbin/nologin\ntemporal:x:1000:1000:temporal:/tmp:/sbin/nologin\n',
    );
    writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
    for (const program of programs) await putProgram(root, program);
    const dockerfile = join(work, 'Dockerfile');
    const lines = [
      'FROM scratch',
      'COPY root/ /',
      'ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp',
      `USER ${how.user}`,
      `ENTRYPOINT ${JSON.stringify(how.entrypoint)}`,
      `CMD ${JSON.stringify(how.command)}`,
    ];
    writeFileSync(dockerfile, `${lines.join('\n')}\n`);
    await store.build(tag, dockerfile, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A program, and the libraries that it is linked with; a static one has none. */
async function putProgram(root: string, path: string): Promise<void> {
  const put = (from: string, to: string): void => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(realpathSync(from), join(root, to));
    chmodSync(join(root, to), 0o755);
  };
  // The cache names its binaries with their versions: temporal-v1.5.1.
  put(path, `usr/local/bin/${path.slice(path.lastIndexOf('/') + 1).replace(/-v[\d.]+$/, '')}`);
  const linked = await must('ldd', [path]).catch(() => '');
  for (const [, library = ''] of linked.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)) put(library, library);
}
