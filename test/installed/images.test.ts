/** podwire's images as somebody finds them who installs it: built from the Dockerfiles that are shipped, looked at and started from the archive that a lab imports. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { attempt, must } from '../../deploy/lab/commands.ts';
import { CONTROL_PLANE_IMAGE, ensurePodwireImages, NODE_IMAGE } from '../../deploy/lab/image-build.ts';
import type { ImageArchive } from '../../deploy/lab/image-archive.ts';
import { lineProgress, type Progress } from '../../deploy/lab/progress.ts';
import { ROOT } from '../../deploy/lab/image-inputs.ts';

const LIMITS: Readonly<Record<string, number>> = { [CONTROL_PLANE_IMAGE]: 250e6, [NODE_IMAGE]: 410e6 };

interface Config {
  readonly config: { readonly User?: string; readonly Env: string[]; readonly Labels: Record<string, string> };
}

let folder: string;
let archive: ImageArchive;
const configs = new Map<string, Config>();
const rootOf = (image: string): string => join(folder, image === NODE_IMAGE ? 'node' : 'control-plane');

before(async () => {
  const { archives } = await ensurePodwireImages(lineProgress((line) => process.stdout.write(`${line}\n`)));
  archive = archives[0] ?? assert.fail('no archive');
  folder = mkdtempSync(join(tmpdir(), 'podwire-images-'));
  await must('tar', ['-C', folder, '-xf', archive.file], { timeoutMs: 120_000 });
  for (const { name, digest } of archive.images.filter(({ name }) => name in LIMITS)) {
    const manifest = JSON.parse(blob(digest)) as { config: { digest: string }; layers: { digest: string }[] };
    configs.set(name, JSON.parse(blob(manifest.config.digest)) as Config);
    mkdirSync(rootOf(name));
    for (const layer of manifest.layers)
      await must('tar', ['-C', rootOf(name), '--exclude=dev/*', '-xpf', blobPath(layer.digest)], {
        timeoutMs: 120_000,
      });
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

const blobPath = (digest: string): string => join(folder, 'blobs/sha256', digest.replace('sha256:', ''));
const blob = (digest: string): string => readFileSync(blobPath(digest), 'utf8');

/** Runs a program inside an image's files, as the image's user. */
async function inside(image: string, ...words: string[]): Promise<string> {
  const user = configs.get(image)?.config.User ?? '';
  const as = user === '' ? [] : [`--userspec=${user}`];
  return must('chroot', [...as, rootOf(image), ...words], { timeoutMs: 60_000 });
}

for (const image of [CONTROL_PLANE_IMAGE, NODE_IMAGE]) {
  describe(image, () => {
    it('is not larger than what was promised', (t) => {
      const bytes = archive.images.find(({ name }) => name === image)?.bytes ?? Infinity;
      t.diagnostic(`${image}: ${(bytes / 1e6).toFixed(1)} MB unpacked`);
      assert.ok(bytes <= (LIMITS[image] ?? 0), `${bytes} bytes`);
    });

    it('holds no sources, declarations, maps, tests, package managers and compilers', () => {
      const files = readdirSync(join(rootOf(image), 'podwire'), { recursive: true, encoding: 'utf8' });
      const unwanted =
        /\.(ts|mts|cts|map|rs)$|\.test\.js$|^test\/|node_modules\/(typescript|tsx|esbuild|webpack|@swc|eslint|prettier)\//;
      assert.deepEqual(
        files.filter((file) => unwanted.test(file)),
        [],
      );
      for (const name of ['npm', 'npx', 'corepack', 'yarn', 'gcc', 'cc', 'ld', 'strip', 'tsc'])
        for (const bin of ['usr/local/bin', 'usr/bin']) assert.ok(!existsSync(join(rootOf(image), bin, name)), name);
    });

    it('has no failpoints: nothing in it makes a process die at a place that a file names', () => {
      assert.equal(existsSync(join(rootOf(image), 'podwire/adapters/host/failpoints.js')), true);
      assert.equal(existsSync(join(rootOf(image), 'podwire/adapters/host/crash-failpoints.js')), false);
    });

    it("has the core of Temporal's SDK for one platform", () => {
      const releases = join(rootOf(image), 'podwire/node_modules/@temporalio/core-bridge/releases');
      assert.equal(readdirSync(releases).length, 1);
    });

    it("lists podwire's direct dependencies in a bill of materials, and nothing that is not there", () => {
      const podwire = join(rootOf(image), 'podwire');
      const sbom = JSON.parse(readFileSync(join(podwire, 'sbom.json'), 'utf8')) as {
        bomFormat: string;
        components: { name: string }[];
      };
      assert.equal(sbom.bomFormat, 'CycloneDX');
      const names = sbom.components.map(({ name }) => name);
      const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object };
      for (const name of Object.keys(dependencies)) assert.ok(names.includes(name), name);
      assert.ok(!names.includes('webpack'));
    });

    it('says which sources it was made of', () => {
      const { Env, Labels } = configs.get(image)?.config ?? assert.fail();
      assert.match(Labels['org.opencontainers.image.version'] ?? '', /^\d+\.\d+\.\d+$/);
      assert.equal(Labels['org.opencontainers.image.licenses'], 'Apache-2.0');
      assert.ok(
        Env.includes(`PODWIRE_BUILD_COMMIT=${Labels['org.opencontainers.image.revision'] ?? '?'}`),
        Env.join(' '),
      );
    });

    it('tells nothing of the machine that built it', () => {
      for (const file of ['usr/local/etc/npmrc', 'run/secrets/ca', 'etc/apt/apt.conf.d/99builder']) {
        const path = join(rootOf(image), file);
        assert.ok(!existsSync(path) || readFileSync(path, 'utf8') === '', file);
      }
    });

    it('has the command line on its path', async () => {
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
      assert.equal((await inside(image, 'podwire', '--version')).trim(), version);
    });

    it('loads each of its processes', async () => {
      for (const entry of ['workers/orchestrator.js', 'workers/node.js', 'watcher/main.js']) {
        const { stdout, stderr } = await attempt('chroot', [rootOf(image), 'node', `/podwire/${entry}`, '--help'], {
          timeoutMs: 60_000,
        });
        assert.match(stdout + stderr, /PODWIRE_LOG_LEVEL/, entry);
      }
      await inside(image, 'podwire', 'ksr', '--help');
      await inside(image, 'node', '-e', "import('/podwire/adapters/tracing/otlp.js')");
    });
  });
}

describe('the images', () => {
  it('run the control plane as a user without rights', () => {
    assert.equal(configs.get(CONTROL_PLANE_IMAGE)?.config.User, '65532:65532');
  });

  it("have what the node worker and CNI plugins call in the node's", async () => {
    const programs = [
      'iptables',
      'nft',
      'ip',
      'bridge',
      'nsenter',
      'setpriv',
      'unshare',
      'flock',
      'kmod',
      'sysctl',
      'ps',
    ];
    for (const name of programs) await inside(NODE_IMAGE, 'sh', '-c', `command -v ${name}`);
  });

  it("have podwire's CNI plugin in the node's alone, which speaks on the node without anything of the image", async () => {
    const plugin = 'podwire/cni/podwire-cni';
    assert.equal(existsSync(join(rootOf(CONTROL_PLANE_IMAGE), plugin)), false);
    const asked = await must('env', ['-i', 'CNI_COMMAND=VERSION', join(rootOf(NODE_IMAGE), plugin)], {
      input: '{"cniVersion":"1.0.0"}',
    });
    assert.ok((JSON.parse(asked) as { supportedVersions: string[] }).supportedVersions.includes('1.1.0'));
  });

  it('are not built again from the same sources', async () => {
    const said: string[] = [];
    const spoken: Progress = {
      stage: (title) => void said.push(title),
      line: (text) => void said.push(text),
      task: async (title, work) => (said.push(title), work()),
    };
    const started = performance.now();
    const { archives } = await ensurePodwireImages(spoken);
    assert.deepEqual(archives, [archive]);
    assert.deepEqual(said, []);
    assert.ok(performance.now() - started < 5_000);
  });
});
