/** Helm, built from its published Go module into the lab's cache: what shows that the chart makes the same objects as the manifests. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { binaryCache, findGo, goCommand } from './binaries.ts';

const HELM_VERSION = 'v3.19.4';

/** Path of helm; builds it when the cache has none (two minutes on two cores). @throws Error with the compiler's words */
export async function ensureHelm(): Promise<string> {
  const cached = join(binaryCache(), `helm-${HELM_VERSION}`);
  if (existsSync(cached)) return cached;
  const go = findGo();
  if (go === undefined) throw new Error('Go is not installed, and helm must be built. Install Go 1.24 or newer');
  // Named by pid, as the other builds: a crash leaves no half binary under the final name.
  const work = join(binaryCache(), `.build-${process.pid}-helm`);
  mkdirSync(work, { recursive: true });
  try {
    const module = `helm.sh/helm/v3/cmd/helm@${HELM_VERSION}`;
    await goCommand(go, ['install', '-trimpath', '-ldflags', '-s -w', module], { GOBIN: work });
    renameSync(join(work, 'helm'), cached);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cached;
}
