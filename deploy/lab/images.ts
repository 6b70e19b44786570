/**
 * Images of the lab, made from the static busybox of Debian: no registry is needed. Written as a Docker archive (manifest.json,
 * config and layer; the format of `docker save`, which `ctr images import` reads).
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { attempt, findProgram, must } from './commands.ts';
import type { LabLayout } from './layout.ts';

export const TEST_IMAGE = 'podwire.local/test:1';
export const PAUSE_IMAGE = 'podwire.local/pause:1';
/** What deploy/images/agent.Dockerfile makes, from this machine's own iproute2. */
export const AGENT_IMAGE = 'podwire.local/agent:1';

/** Ends at once on TERM, also as pid 1, and reaps what is orphaned to it. */
const HOLD_SCRIPT = `#!/bin/sh
trap 'exit 0' TERM INT
while :; do sleep 3600 & wait $!; done
`;

/** Makes the archive with all images, unless it is there. Returns its path. */
export async function ensureImageArchive(lab: LabLayout): Promise<string> {
  const archive = join(lab.imagesDir, 'images-2.tar');
  if (existsSync(archive)) return archive;
  mkdirSync(lab.imagesDir, { recursive: true });
  const work = mkdtempSync(join(lab.imagesDir, 'work-'));
  try {
    await writeArchive(work, join(work, 'images.tar'));
    renameSync(join(work, 'images.tar'), archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return archive;
}

/** Imports the images into one containerd, unless it has them. */
export async function importImages(criSocket: string, archive: string): Promise<void> {
  const listed = await attempt('ctr', ['-a', criSocket, '-n', 'k8s.io', 'images', 'ls', '-q']);
  const present = listed.stdout.split('\n');
  if ([TEST_IMAGE, PAUSE_IMAGE, AGENT_IMAGE].every((image) => present.includes(image))) return;
  await must('ctr', ['-a', criSocket, '-n', 'k8s.io', 'images', 'import', archive], { timeoutMs: 120_000 });
}

async function writeArchive(work: string, archive: string): Promise<void> {
  await writeRoot(join(work, 'root'));
  await writeIproute(join(work, 'iproute'));
  const base = await writeLayer(work, 'root');
  const iproute = await writeLayer(work, 'iproute');
  const manifest = [
    writeConfig(work, 'test', [TEST_IMAGE, PAUSE_IMAGE], [base]),
    writeConfig(work, 'agent', [AGENT_IMAGE], [base, iproute]),
  ];
  writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
  const files = ['manifest.json', 'test.json', 'agent.json', base.file, iproute.file];
  await must('tar', ['-C', work, '-cf', archive, ...files]);
}

interface Layer {
  readonly file: string;
  readonly diffId: string;
}

async function writeLayer(work: string, folder: string): Promise<Layer> {
  const file = `${folder}.tar`;
  const reproducible = ['--numeric-owner', '--owner=0', '--group=0', '--sort=name', '--mtime=@0'];
  await must('tar', ['-C', join(work, folder), ...reproducible, '-cf', join(work, file), '.']);
  const digest = createHash('sha256')
    .update(readFileSync(join(work, file)))
    .digest('hex');
  return { file, diffId: `sha256:${digest}` };
}

/** Writes an image's configuration; returns its entry in the manifest. */
function writeConfig(work: string, name: string, tags: readonly string[], layers: readonly Layer[]): object {
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], Entrypoint: ['/bin/hold'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'podwire lab' })),
    created: '1970-01-01T00:00:00Z',
  };
  writeFileSync(join(work, `${name}.json`), JSON.stringify(config));
  return { Config: `${name}.json`, RepoTags: tags, Layers: layers.map(({ file }) => file) };
}

/** ip and bridge of this machine with their libraries; found before busybox's, which knows neither VXLAN nor bridge. */
async function writeIproute(root: string): Promise<void> {
  const put = (from: string, to: string): void => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(realpathSync(from), join(root, to));
    chmodSync(join(root, to), 0o755);
  };
  for (const name of ['ip', 'bridge']) {
    const program = findProgram(name);
    if (program === undefined) throw new Error(`${name} is not installed; it comes with iproute2`);
    put(program, `usr/sbin/${name}`);
    // One library a line: `name => path (address)`, the loader without an arrow.
    const libraries = (await must('ldd', [program])).matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm);
    for (const [, library = ''] of libraries) put(library, library);
  }
}

async function writeRoot(root: string): Promise<void> {
  for (const dir of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'run', 'sbin', 'usr/bin', 'usr/sbin']) {
    mkdirSync(join(root, dir), { recursive: true });
  }
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is not installed');
  copyFileSync(busybox, join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  const applets = (await must(busybox, ['--list'])).trim().split('\n');
  for (const applet of applets.filter((name) => name !== 'busybox')) symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'bin/hold'), HOLD_SCRIPT, { mode: 0o755 });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
}
