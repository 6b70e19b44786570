/** Act 4: a node worker is killed in the middle of an attach; when it is back, the pod has exactly one link. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { workerFailpoints, workerPid } from '../../lab/installed.ts';
import { podNetnsPath, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, secondsText, type Act } from '../act.ts';
import { annotate, field } from '../cluster.ts';
import { linksIn, linkText, vxlanOf, type PodRef, type SeenLink } from '../kernel-look.ts';
import { ping, waitReachable, type PingResult } from '../ping.ts';

/** The link is made and neither filled nor up: the worst moment there is. */
const POINT = 'ensureVxlanLink:after-create';
const ADDRESS = '192.168.12.3';
/** Longer than the act takes to kill it. */
const HELD_MS = 10_000;

export interface KilledWorkerFacts {
  /** VXLAN links of the pod while the worker was dead. */
  readonly halfMade: readonly SeenLink[];
  /** From the kill until the link was right, milliseconds. */
  readonly convergedMs: number;
  readonly links: readonly SeenLink[];
  readonly answered: PingResult;
}

export const killedWorker: Act<KilledWorkerFacts> = {
  title: 'a node worker is killed in the middle of an attach',
  run: async ({ lab, namespace, did, saw }) => {
    const pod: PodRef = { namespace, name: 'late' };
    const node = await field(lab, pod, '{.spec.nodeName}');
    const netns = await podNetnsPath(lab, pod);
    const networks = `vxeth2 ip=${ADDRESS}/29`;
    did(`kubectl annotate pod late vxlan.openvnf.org/networks='${networks}'`);
    const pid = await heldWorker(lab, node, () => annotate(lab, pod, networks));
    did(`kill -9 ${pid}: the worker of ${node}, right after it made the link`);
    process.kill(pid, 'SIGKILL');
    const started = performance.now();
    const halfMade = vxlanOf(await linksIn(netns));
    saw(`the worker is dead; it left: ${halfMade.map(linkText).join(' | ') || 'nothing'}`);
    check(halfMade.length > 0, 'the worker died before it made anything');
    check(!halfMade.some((link) => link.up), 'the worker died after the attach, not in the middle');

    did('nothing: the kubelet starts the worker again');
    const link = await waitFor(
      'vxeth2 in late, up',
      async () => {
        const links = vxlanOf(await linksIn(netns));
        return links.find((each) => each.name === 'vxeth2' && each.up && each.addresses.includes(`${ADDRESS}/29`));
      },
      { limitMs: 40_000, everyMs: 50 },
    );
    const convergedMs = performance.now() - started;
    const links = vxlanOf(await linksIn(netns));
    saw(`${links.length} VXLAN link: ${linkText(link)}, ${secondsText(convergedMs)} after the kill`);
    check(links.length === 1, `there are ${links.length} VXLAN links: ${links.map(linkText).join(' | ')}`);
    await waitReachable(lab, { namespace, name: 'b' }, ADDRESS);
    const answered = await ping(lab, { namespace, name: 'b' }, ADDRESS);
    saw(`b → late: ${answered.received} of ${answered.sent} pings answered`);
    check(answered.received === answered.sent, 'b does not reach late');
    return { halfMade, convergedMs, links, answered };
  },
};

/** Makes the worker wait at the point, and returns its process while it stands there. */
async function heldWorker(lab: Lab, node: string, act: () => Promise<void>): Promise<number> {
  const file = workerFailpoints(lab, node);
  writeFileSync(file, JSON.stringify([{ point: POINT, action: 'delay', delayMs: HELD_MS, once: true }]));
  try {
    await act();
    await waitFor(`the worker of ${node} at ${POINT}`, async () => readFileSync(file, 'utf8') === '[]' || undefined, {
      limitMs: 20_000,
      everyMs: 20,
    });
    return await workerPid(lab, node);
  } finally {
    rmSync(file, { force: true });
  }
}
