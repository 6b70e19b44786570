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
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { attempt, findProgram, must } from './commands.ts';
import type { LabLayout } from './layout.ts';

export const TEST_IMAGE = 'podwire.local/test:1';
export const PAUSE_IMAGE = 'podwire.local/pause:1';

/** Ends at once on TERM, also as pid 1, and reaps what is orphaned to it. */
const HOLD_SCRIPT = `#!/bin/sh
trap 'exit 0' TERM INT
while :; do sleep 3600 & wait $!; done
`;

/** Makes the archive with both images, unless it is there. Returns its path. */
export async function ensureImageArchive(lab: LabLayout): Promise<string> {
  const archive = join(lab.imagesDir, 'images.tar');
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
  if (present.includes(TEST_IMAGE) && present.includes(PAUSE_IMAGE)) return;
  await must('ctr', ['-a', criSocket, '-n', 'k8s.io', 'images', 'import', archive], { timeoutMs: 120_000 });
}

async function writeArchive(work: string, archive: string): Promise<void> {
  const root = join(work, 'root');
  await writeRoot(root);
  await must('tar', [
    '-C',
    root,
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--sort=name',
    '--mtime=@0',
    '-cf',
    join(work, 'layer.tar'),
    '.',
  ]);
  const diffId = `sha256:${createHash('sha256')
    .update(readFileSync(join(work, 'layer.tar')))
    .digest('hex')}`;
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], Entrypoint: ['/bin/hold'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'podwire lab' }],
    created: '1970-01-01T00:00:00Z',
  };
  writeFileSync(join(work, 'config.json'), JSON.stringify(config));
  const entry = { Config: 'config.json', RepoTags: [TEST_IMAGE, PAUSE_IMAGE], Layers: ['layer.tar'] };
  writeFileSync(join(work, 'manifest.json'), JSON.stringify([entry]));
  await must('tar', ['-C', work, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
}

async function writeRoot(root: string): Promise<void> {
  for (const dir of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'sbin', 'usr/bin', 'usr/sbin']) {
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
