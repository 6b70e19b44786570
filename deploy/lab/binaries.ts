/** Kubernetes, CoreDNS, etcd and Temporal, built from their published Go modules into a cache that outlives the lab. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { attempt, findProgram, must, SEARCH_PATH } from './commands.ts';
import type { Progress } from './progress.ts';

export const KUBERNETES_VERSION = 'v1.34.4';
export const TEMPORAL_VERSION = 'v1.5.1';
export const COREDNS_VERSION = 'v1.13.1';
/** For clusters that run etcd as pods; the lab's own etcds are Debian's. */
const ETCD_VERSION = 'v3.6.4';

const [, KUBERNETES_MAJOR, KUBERNETES_MINOR] = /^v(\d+)\.(\d+)\./.exec(KUBERNETES_VERSION) as unknown as [
  string,
  string,
  string,
];
const OLDEST_KUBECTL_MINOR = Number(KUBERNETES_MINOR) - 1;
const KUBERNETES_MODULE = join(import.meta.dirname, 'kubernetes-build');
const COREDNS_MODULE = join(import.meta.dirname, 'coredns-build');
const BUILD_TIMEOUT_MS = 30 * 60_000;

/** In the order of building: the first takes longest and compiles what the others share. */
const BINARIES = [
  'kube-apiserver',
  'kubelet',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubectl',
  'etcd',
  'coredns',
  'temporal',
] as const;
export type BinaryName = (typeof BINARIES)[number];
export type Binaries = Readonly<Record<BinaryName, string>>;

/** Folder of the built binaries: PODWIRE_CACHE, else XDG_CACHE_HOME/podwire, else ~/.cache/podwire; then bin. */
export function binaryCache(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['PODWIRE_CACHE'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'podwire'), 'bin');
}

/** Path of the go command: on PATH or at its usual place. */
export function findGo(): string | undefined {
  return findProgram('go', `${process.env['PATH'] ?? ''}:${SEARCH_PATH}:/usr/local/go/bin`);
}

/** Version of a program that the lab builds. */
function binaryVersion(name: BinaryName): string {
  if (name === 'temporal') return TEMPORAL_VERSION;
  if (name === 'coredns') return COREDNS_VERSION;
  return name === 'etcd' ? ETCD_VERSION : KUBERNETES_VERSION;
}

function cached(name: BinaryName): string {
  return join(binaryCache(), `${name}-${binaryVersion(name)}`);
}

/** What is usable already, from the cache or from PATH. */
export async function presentBinaries(): Promise<Partial<Record<BinaryName, string>>> {
  const found: Partial<Record<BinaryName, string>> = {};
  for (const name of BINARIES) {
    const path = existsSync(cached(name)) ? cached(name) : await fitFromPath(name);
    if (path !== undefined) found[name] = path;
  }
  return found;
}

/** Names in `present` that are absent. */
export function absentBinaries(present: Partial<Record<BinaryName, string>>): BinaryName[] {
  return BINARIES.filter((name) => present[name] === undefined);
}

/** A binary on PATH is used when it is the very version; kubectl also when it is a plain release at most one minor older; CoreDNS only as built here. */
async function fitFromPath(name: BinaryName): Promise<string | undefined> {
  const path = findProgram(name, process.env['PATH'] ?? SEARCH_PATH);
  if (path === undefined || name === 'coredns') return undefined;
  const args = name === 'kubectl' ? ['version', '--client', '-o', 'json'] : ['--version'];
  const { stdout } = await attempt(path, args, { env: { HOME: homedir() }, timeoutMs: 10_000 });
  if (name === 'temporal') return stdout.includes(`version ${TEMPORAL_VERSION.slice(1)} `) ? path : undefined;
  if (name === 'etcd') return stdout.includes(`etcd Version: ${ETCD_VERSION.slice(1)}\n`) ? path : undefined;
  if (name !== 'kubectl') return stdout.trim() === `Kubernetes ${KUBERNETES_VERSION}` ? path : undefined;
  const minor = /"gitVersion": "v1\.(\d+)\.\d+"/.exec(stdout)?.[1];
  return minor !== undefined && Number(minor) >= OLDEST_KUBECTL_MINOR ? path : undefined;
}

/** Builds what is absent, one after the other (each build uses all cores). @throws Error with the compiler's words. */
export async function ensureBinaries(progress: Progress): Promise<Binaries> {
  const present = await presentBinaries();
  const absent = absentBinaries(present);
  if (absent.length > 0) {
    const go = findGo();
    if (go === undefined) throw new Error(`Go is not installed, and ${absent.join(', ')} must be built`);
    progress.line(`to build: ${absent.join(', ')} (once; all of them take about a quarter of an hour on two cores)`);
    for (const [i, name] of absent.entries()) {
      const next = absent[i + 1];
      await progress.task(`go build ${name}${next === undefined ? '' : ` (then ${next})`}`, () => build(go, name));
      present[name] = cached(name);
    }
  }
  return present as Binaries;
}

const build = (go: string, name: BinaryName): Promise<void> =>
  intoCache(name, cached(name), (folder) =>
    name === 'temporal' ? installTemporal(go, folder) : goCommand(go, buildArgs(name, join(folder, name))),
  );

/** Has a program made in a folder of its own, where it has this name, and puts it into the cache as `file`. */
export async function intoCache(name: string, file: string, make: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync(binaryCache(), { recursive: true });
  // Named by pid: two labs may build at once; the rename makes a crash leave no half binary under the final name.
  const work = join(binaryCache(), `.build-${process.pid}-${name}`);
  mkdirSync(work, { recursive: true });
  try {
    await make(work);
    renameSync(join(work, name), file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function installTemporal(go: string, folder: string): Promise<void> {
  const what = `github.com/temporalio/cli/cmd/temporal@${TEMPORAL_VERSION}`;
  await goCommand(go, ['install', '-trimpath', '-ldflags', '-s -w', what], { GOBIN: folder });
}

/** Arguments of go for one program; etcd stands in the module of Kubernetes, whose API server brings most of what it compiles. */
function buildArgs(name: Exclude<BinaryName, 'temporal'>, out: string): string[] {
  const from = (module: string, flags: string, what: string): string[] => [
    ...['build', '-C', module, '-trimpath', '-ldflags', flags, '-o', out, what],
  ];
  if (name === 'coredns') return from(COREDNS_MODULE, '-s -w', '.');
  if (name === 'etcd') return from(KUBERNETES_MODULE, '-s -w', 'go.etcd.io/etcd/server/v3');
  return from(KUBERNETES_MODULE, kubernetesFlags(), `k8s.io/kubernetes/cmd/${name}`);
}

/** Without a version stamped in, components report v0.0.0 and the kubelet does not register sensibly. */
function kubernetesFlags(): string {
  const stamp = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`;
  return [
    '-s -w',
    stamp('gitVersion', KUBERNETES_VERSION),
    stamp('gitMajor', KUBERNETES_MAJOR),
    stamp('gitMinor', KUBERNETES_MINOR),
    `-X k8s.io/client-go/pkg/version.gitVersion=${KUBERNETES_VERSION}`,
  ].join(' ');
}

/** Runs go with nothing of the caller's environment but Go's own settings, proxies and certificates. @throws Error with its words */
export async function goCommand(
  go: string,
  args: readonly string[],
  extra: Record<string, string> = {},
): Promise<void> {
  const passed = Object.entries(process.env).filter(
    ([key, value]) =>
      value !== undefined &&
      /^(GO[A-Z]+|XDG_CACHE_HOME|XDG_CONFIG_HOME|SSL_CERT_(FILE|DIR)|(https?|no)_proxy)$/i.test(key),
  ) as [string, string][];
  await must(go, args, {
    env: { ...Object.fromEntries(passed), HOME: homedir(), CGO_ENABLED: '0', ...extra },
    timeoutMs: BUILD_TIMEOUT_MS,
  });
}
