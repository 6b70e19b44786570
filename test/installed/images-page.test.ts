/**
 * The commands of docs/install.md that build podwire's images, with the bases that they name by themselves: in a store of the test's own, which
 * also reads the one where the lab builds. Where no registry answers, a base of the lab is there under the name of the real one.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { must } from '../../deploy/lab/commands.ts';
import { builderSecrets, ensureBases } from '../../deploy/lab/image-bases.ts';
import { ensurePodwireImages } from '../../deploy/lab/image-build.ts';
import { imageCache, ImageStore, programPath } from '../../deploy/lab/image-store.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';
import { stepsOfPage } from '../docs/install-page.ts';
import { runPage } from '../docs/page-run.ts';
import { ROOT } from '../runner/groups.ts';
import { since } from './burst.ts';

/** What the Dockerfiles name. */
const BASES = { node: 'docker.io/library/node:24-bookworm-slim', debian: 'docker.io/library/debian:bookworm-slim' };
const IMAGES = ['podwire/control-plane:0.1.0', 'podwire/node:0.1.0'];
const LIMIT_MS = 10 * 60_000;

let dir: string;
let env: Record<string, string>;
let secrets: string[];

before(async () => {
  await ensurePodwireImages(silentProgress);
  dir = mkdtempSync(join(tmpdir(), 'podwire-images-page-'));
  const storage = join(dir, 'storage.conf');
  const driver = existsSync(join(imageCache(), 'overlay')) ? 'overlay' : 'vfs';
  for (const folder of ['root', 'run', 'tmp']) mkdirSync(join(dir, folder));
  const lines = [
    '[storage]',
    `driver = "${driver}"`,
    `graphroot = "${join(dir, 'root')}"`,
    `runroot = "${join(dir, 'run')}"`,
    '[storage.options]',
    `additionalimagestores = ["${join(imageCache(), driver)}"]`,
  ];
  writeFileSync(storage, `${lines.join('\n')}\n`);
  env = { CONTAINERS_STORAGE_CONF: storage, BUILDAH_ISOLATION: 'chroot', HOME: dir, TMPDIR: join(dir, 'tmp') };
  secrets = await builderSecrets(dir);
  const there = await ensureBases(await ImageStore.open(silentProgress), silentProgress);
  for (const [name, base] of Object.entries(BASES)) {
    const stand = there[name as keyof typeof BASES];
    if (stand === base) continue;
    const file = join(dir, `${name}.Dockerfile`);
    writeFileSync(file, `FROM ${stand}\n`);
    await must(programPath('buildah'), ['bud', '--pull-never', '-t', base, '-f', file, dir], { env });
  }
});
after(async () => {
  await must(programPath('buildah'), ['rmi', '--all', '--force'], { env, timeoutMs: LIMIT_MS });
  rmSync(dir, { recursive: true, force: true });
});

test('the commands of the page build both images on the bases that they name', async (c) => {
  const began = performance.now();
  await runPage(stepsOfPage('images'), {
    dir: ROOT,
    programs: { buildah: { file: programPath('buildah'), options: ['--pull-never', ...secrets], env } },
    limitMs: LIMIT_MS,
    onCommand: (text) => void process.stdout.write(`# ${text}\n`),
  });
  c.diagnostic(`both images in ${since(began)}`);
  for (const image of IMAGES) {
    const format = '{{index .OCIv1.Config.Labels "org.opencontainers.image.version"}}';
    const version = await must(programPath('buildah'), ['inspect', '--type', 'image', '--format', format, image], {
      env,
    });
    assert.equal(version.trim(), '0.1.0', image);
  }
});
