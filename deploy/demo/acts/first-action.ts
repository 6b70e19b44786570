/** Act 7: a container prints its interfaces as its first action, and has all of them: the runtime asked podwire before it started any. */
import { kubectl } from '../../lab/lab.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, type Act } from '../act.ts';
import { apply, podManifest, waitRunning } from '../cluster.ts';
import type { PodRef } from '../kernel-look.ts';
import { ping, waitReachable, type PingResult } from '../ping.ts';

const ADDRESSES: Readonly<Record<string, string>> = { vxeth1: '192.168.11.5/29', vxeth2: '192.168.12.5/29' };
const LOOK = ['sh', '-c', 'ip -o -4 addr; exec sleep 3600'];

export interface FirstActionFacts {
  /** What the container printed, a line for each of its addresses. */
  readonly printed: readonly string[];
  readonly answered: PingResult;
}

export const firstAction: Act<FirstActionFacts> = {
  title: 'a container has its networks when it starts',
  run: async ({ lab, namespace, did, saw }) => {
    const pod: PodRef = { namespace, name: 'early' };
    const networks = Object.entries(ADDRESSES)
      .map(([name, address]) => `${name} ip=${address}`)
      .join(', ');
    did(`pod early asks for: ${networks}; the first command of its container: ${LOOK.at(-1)?.split(';')[0] ?? ''}`);
    const node = lab.nodes[2]?.name ?? '';
    await apply(lab, [podManifest(pod, { node, image: lab.testImage, networks, command: LOOK })]);
    await waitRunning(lab, [pod]);
    const printed = (
      await waitFor(
        'what the container of early printed',
        async () => (await kubectl(lab, ['-n', namespace, 'logs', pod.name])).trim() || undefined,
        { limitMs: 20_000, everyMs: 100 },
      )
    ).split('\n');
    for (const line of printed) saw(`kubectl logs early: ${line.replace(/\\? +valid_lft.*$/, '').trim()}`);
    for (const [name, address] of Object.entries(ADDRESSES))
      check(
        printed.some((line) => line.includes(` ${name} `) && line.includes(` ${address} `)),
        `early started without ${name}`,
      );
    await waitReachable(lab, pod, '192.168.11.1');
    const answered = await ping(lab, pod, '192.168.11.1');
    saw(`early → gateway: ${answered.received} of ${answered.sent} pings answered`);
    check(answered.received === answered.sent, 'early does not reach gateway');
    return { printed, answered };
  },
};
