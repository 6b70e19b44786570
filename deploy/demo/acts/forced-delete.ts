/** Act 5: a pod is deleted by force; no forwarding entry of any other pod points at it any more. */
import { kubectl, podNetnsPath, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, secondsText, type Act } from '../act.ts';
import { field } from '../cluster.ts';
import { floodTargets } from '../kernel-look.ts';

const PEERS = ['b', 'gateway'];

export interface ForcedDeleteFacts {
  readonly address: string;
  readonly before: Readonly<Record<string, readonly string[]>>;
  readonly after: Readonly<Record<string, readonly string[]>>;
  /** From before the delete until the last entry was gone, milliseconds. */
  readonly goneMs: number;
}

export const forcedDelete: Act<ForcedDeleteFacts> = {
  title: 'a pod is deleted by force: nobody sends to it any more',
  run: async ({ lab, namespace, did, saw }) => {
    const address = await field(lab, { namespace, name: 'late' }, '{.status.podIP}');
    const netns = await netnsOf(lab, namespace);
    const before = await targets(netns);
    for (const name of PEERS) saw(`${name} floods vxeth2 to ${before[name]?.join(', ') ?? ''}`);
    for (const name of PEERS)
      check(before[name]?.includes(address) === true, `${name} has no entry for late (${address}) to begin with`);

    did('kubectl delete pod late --force --grace-period=0');
    const started = performance.now();
    await kubectl(lab, ['-n', namespace, 'delete', 'pod', 'late', '--force', '--grace-period=0', '--wait=false']);
    const after = await waitFor(
      `no entry for ${address} in ${PEERS.join(' and ')}`,
      async () => {
        const seen = await targets(netns);
        return PEERS.some((name) => seen[name]?.includes(address)) ? undefined : seen;
      },
      { limitMs: 30_000, everyMs: 50 },
    );
    const goneMs = performance.now() - started;
    for (const name of PEERS) saw(`${name} floods vxeth2 to ${after[name]?.join(', ') ?? ''}`);
    saw(`no entry for ${address} after ${secondsText(goneMs)}`);
    return { address, before, after, goneMs };
  },
};

async function netnsOf(lab: Lab, namespace: string): Promise<ReadonlyMap<string, string>> {
  const paths = await Promise.all(
    PEERS.map(async (name) => [name, await podNetnsPath(lab, { namespace, name })] as const),
  );
  return new Map(paths);
}

async function targets(netns: ReadonlyMap<string, string>): Promise<Record<string, readonly string[]>> {
  const seen = await Promise.all(
    [...netns].map(async ([name, path]) => [name, await floodTargets(path, 'vxeth2')] as const),
  );
  return Object.fromEntries(seen);
}
