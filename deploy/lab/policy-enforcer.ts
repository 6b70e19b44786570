/**
 * NetworkPolicies that hold: the lab's own network ignores them, as its bridge plugin knows nothing of them. Where a test asks for it,
 * kube-router's policy controller runs on each node, in the node's namespaces, and makes iptables rules and IP sets of them.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { binaryCache, findGo, goCommand, intoCache } from './binaries.ts';
import { whyFailed } from './commands.ts';
import { inNetns, type Lab, type LabNode } from './lab.ts';
import { SERVICE_CIDR } from './layout.ts';
import { ensurePackages } from './packages.ts';
import { startPart, stopPart, waitForPart, type PartSpec } from './parts.ts';
import type { Progress } from './progress.ts';

const MODULE = join(import.meta.dirname, 'netpol-build');
/** Off, packets between pods of one node pass the bridge without being shown to iptables. */
const BRIDGE_SWITCH = '/proc/sys/net/bridge/bridge-nf-call-iptables';
/** In its last rule: the first round is done. */
const COMPLETE = 'traffic that comply to network policies';

/** Enforces NetworkPolicies from now on, on every node. Builds what it takes on the first use (see `ensureEnforcer`). */
export async function enforcePolicies(lab: Lab, progress: Progress): Promise<void> {
  await ensurePackages([['ipset', 'ipset']], progress);
  const file = await ensureEnforcer(progress);
  await Promise.all(lab.nodes.map((node) => enforceOn(lab, node, file)));
}

/** Ends it; the rules go as well. */
export async function stopEnforcing(lab: Lab): Promise<void> {
  await Promise.all(lab.nodes.map((node) => stopPart(lab, partName(node))));
}

async function enforceOn(lab: Lab, node: LabNode, file: string): Promise<void> {
  const shown = await inNetns(node.netnsPath, 'tee', [BRIDGE_SWITCH], { input: '1' });
  if (shown.code !== 0)
    throw new Error(`packets of bridges cannot be shown to iptables (modprobe br_netfilter): ${whyFailed(shown)}`);
  const part: PartSpec = {
    name: partName(node),
    netnsPath: node.netnsPath,
    mountNsPath: node.mountNsPath,
    file,
    args: [],
    env: { KUBECONFIG: lab.kubeconfigs.adminInside, NODE_NAME: node.name, SERVICE_CIDR },
  };
  await startPart(lab, part);
  await waitForPart(lab, part.name, async () => {
    const { code, stdout } = await inNetns(node.netnsPath, 'iptables', ['-S', 'KUBE-ROUTER-FORWARD']);
    return code === 0 && stdout.includes(COMPLETE) ? true : undefined;
  });
}

const partName = (node: LabNode): string => `netpol-${node.name}`;

/**
 * Path of the controller; builds it when the cache has none of just this source: a minute on two cores where Go has compiled the lab's other
 * binaries before, else two and a half.
 *
 * @throws Error with the compiler's words
 */
async function ensureEnforcer(progress: Progress): Promise<string> {
  const cached = join(binaryCache(), `netpol-${sourceHash()}`);
  if (existsSync(cached)) return cached;
  const go = findGo();
  if (go === undefined)
    throw new Error(
      'Go is not installed, and the controller of network policies must be built. Install Go 1.24 or newer',
    );
  await intoCache('netpol', cached, (folder) => {
    const words = ['build', '-C', MODULE, '-trimpath', '-ldflags', '-s -w', '-o', join(folder, 'netpol'), '.'];
    return progress.task('go build netpol', () => goCommand(go, words));
  });
  return cached;
}

function sourceHash(): string {
  const hash = createHash('sha256');
  for (const file of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(MODULE, file)));
  return hash.digest('hex').slice(0, 12);
}
