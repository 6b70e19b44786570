/** Debian packages of the lab: only what is missing is installed. */
import { attempt, findProgram, must, whyFailed } from './commands.ts';
import { existsSync } from 'node:fs';
import type { Progress } from './progress.ts';

/** What the lab looks for, and the package that brings it. */
const NEEDED: Needed = [
  ['etcd', 'etcd-server'],
  ['etcdctl', 'etcd-client'],
  ['containerd', 'containerd'],
  ['runc', 'runc'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins'],
  ['/usr/lib/cni/host-local', 'containernetworking-plugins'],
  ['ip', 'iproute2'],
  ['socat', 'socat'],
  ['busybox', 'busybox-static'],
  ['iptables', 'iptables'],
  ['nft', 'nftables'],
  ['conntrack', 'conntrack'],
  ['openssl', 'openssl'],
  ['nsenter', 'util-linux'],
];

const APT_TIMEOUT_MS = 10 * 60_000;

/** What to look for (a program on the search path, or a file), and the package that brings it. */
type Needed = readonly (readonly [string, string])[];

/** Names of the packages that bring what is absent. */
function missingPackages(needed: Needed = NEEDED): string[] {
  const missing = needed.filter(([what]) =>
    what.startsWith('/') ? !existsSync(what) : findProgram(what) === undefined,
  );
  return [...new Set(missing.map(([, name]) => name))];
}

/** Installs what the lab is missing. @throws Error with apt's own words. */
export async function installPackages(progress: Progress): Promise<void> {
  await ensurePackages(NEEDED, progress);
}

/** Installs what of `needed` is missing. @throws Error with apt's own words. */
export async function ensurePackages(needed: Needed, progress: Progress): Promise<void> {
  const packages = missingPackages(needed);
  if (packages.length === 0) return;
  const env = {
    DEBIAN_FRONTEND: 'noninteractive',
    // Proxies are the one thing of the caller's environment that apt may need.
    ...Object.fromEntries(
      Object.entries(process.env).filter(([key]) => /^(https?|no)_proxy$/i.test(key)) as [string, string][],
    ),
  };
  await progress.task('apt-get update', async () => {
    // A failed update is no reason to stop: the lists may be good enough.
    const updated = await attempt('apt-get', ['update', '-q'], { env, timeoutMs: APT_TIMEOUT_MS });
    if (updated.code !== 0) progress.line(`apt-get update failed, going on: ${whyFailed(updated)}`);
  });
  await progress.task(`apt-get install ${packages.join(' ')}`, () =>
    must('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], {
      env,
      timeoutMs: APT_TIMEOUT_MS,
    }),
  );
  const still = missingPackages(needed);
  if (still.length > 0) throw new Error(`still missing after apt-get install: ${still.join(', ')}`);
}
