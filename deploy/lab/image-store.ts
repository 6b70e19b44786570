/** Where images are built: buildah with a storage of its own below the cache, so that nothing of this machine's other images is touched. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binaryCache } from './binaries.ts';
import { attempt, findProgram, must, SEARCH_PATH, whyFailed } from './commands.ts';
import { ensurePackages } from './packages.ts';
import type { Progress } from './progress.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;
/** Layers of builds gone by are the cache of the next; above this many they are thrown away. */
const MAX_STORED = 400;
const BUILDERS: readonly (readonly [string, string])[] = [
  ['buildah', 'buildah'],
  ['mmdebstrap', 'mmdebstrap'],
];

/** Folder of everything about images; outlives labs, like the binaries beside it. */
export function imageCache(): string {
  return join(dirname(binaryCache()), 'images');
}

export class ImageStore {
  readonly #driver: string;

  private constructor(driver: string) {
    this.#driver = driver;
  }

  /** @throws Error when buildah cannot be installed or does not work with either of its drivers. */
  static async open(progress: Progress): Promise<ImageStore> {
    await ensurePackages(BUILDERS, progress);
    dropLeftovers();
    // Images come from this machine or over TLS from the registries that their names say; nobody signs them.
    writeFileSync(policyFile(), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    const [overlay, vfs] = [new ImageStore('overlay'), new ImageStore('vfs')];
    const tried = await overlay.attempt(['images', '--quiet']);
    if (tried.code === 0) return overlay;
    progress.line(`images are built without overlayfs, which is slower: ${whyFailed(tried)}`);
    await vfs.run(['images', '--quiet']);
    return vfs;
  }

  /** Runs buildah. @throws Error with its words. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    return must('buildah', this.#words(args), { env: { ...buildEnv(), ...env }, timeoutMs: BUILD_TIMEOUT_MS });
  }

  attempt(args: readonly string[], timeoutMs = BUILD_TIMEOUT_MS): ReturnType<typeof attempt> {
    return attempt('buildah', this.#words(args), { env: buildEnv(), timeoutMs });
  }

  /** Builds one Dockerfile. `extra` are words of `buildah build` before the context. */
  build(tag: string, dockerfile: string, context: string, extra: readonly string[] = []): Promise<string> {
    const how = ['--isolation', 'chroot', '--layers', '--force-rm', '--signature-policy', policyFile(), '--pull-never'];
    return this.run(['build', ...how, '--tag', tag, '--file', dockerfile, ...extra, context]);
  }

  async has(image: string): Promise<boolean> {
    return (await this.attempt(['inspect', '--type', 'image', image])).code === 0;
  }

  /** Writes an image's manifest, configuration and uncompressed layers into a folder. */
  async dump(image: string, folder: string): Promise<void> {
    await this.run([
      'push',
      '--quiet',
      '--disable-compression',
      '--format',
      'oci',
      '--signature-policy',
      policyFile(),
      image,
      `dir:${folder}`,
    ]);
  }

  async pull(image: string): Promise<boolean> {
    const { code } = await this.attempt(['pull', '--quiet', '--signature-policy', policyFile(), image], 5 * 60_000);
    return code === 0;
  }

  /** Bounds what old builds leave behind. */
  async prune(): Promise<void> {
    for (const id of this.#abandoned()) await this.attempt(['rm', id]);
    const stored = (await this.run(['images', '--all', '--quiet'])).trim().split('\n').length;
    if (stored <= MAX_STORED) return;
    const pruned = await this.attempt(['rmi', '--prune']);
    // Builds that run now, or were killed lately, hold what they use; all else went.
    if (pruned.code !== 0 && !pruned.stderr.includes('in use by a container')) throw new Error(whyFailed(pruned));
  }

  /** Containers of builds that were killed: older than a build can be. */
  #abandoned(): string[] {
    const file = join(imageCache(), this.#driver, `${this.#driver}-containers`, 'containers.json');
    if (!existsSync(file)) return [];
    const containers = JSON.parse(readFileSync(file, 'utf8')) as readonly { id: string; created: string }[];
    return containers
      .filter(({ created }) => Date.now() - Date.parse(created) > 2 * BUILD_TIMEOUT_MS)
      .map(({ id }) => id);
  }

  #words(args: readonly string[]): string[] {
    const place = ['--root', join(imageCache(), this.#driver), '--runroot', join(imageCache(), 'run')];
    return [...place, '--storage-driver', this.#driver, ...args];
  }
}

/** Work of builds that were killed. */
function dropLeftovers(): void {
  const folder = join(imageCache(), 'tmp');
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    // Whose age cannot be told has just been deleted by another.
    const at = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - at > 2 * BUILD_TIMEOUT_MS) rmSync(path, { recursive: true, force: true });
  }
}

const policyFile = (): string => join(imageCache(), 'policy.json');

/** Proxies and the certificates to trust are the only things of the caller's environment that a builder may need. */
function buildEnv(): Record<string, string> {
  const passed = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && /^((https?|no)_proxy|SSL_CERT_(FILE|DIR))$/i.test(entry[0]),
  );
  return { ...Object.fromEntries(passed), HOME: imageCache(), TMPDIR: join(imageCache(), 'tmp'), PATH: SEARCH_PATH };
}

/** Absolute path of a program that must be there. @throws Error naming it */
export function programPath(name: string, searchPath = SEARCH_PATH): string {
  const path = findProgram(name, searchPath);
  if (path === undefined) throw new Error(`${name} is not installed (looked in ${searchPath})`);
  return path;
}
