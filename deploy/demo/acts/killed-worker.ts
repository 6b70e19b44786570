/** Act 3: a node worker is killed in the middle of an attach; when it is back, the pod has exactly one link. */
import { writeFileSync } from 'node:fs';
import { partPid, podNetnsPath } from '../../lab/lab.ts';
import { failpointsFile, nodePart, startPodwirePart } from '../../lab/podwire.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, secondsText, type Act } from '../act.ts';
import { annotate, field } from '../cluster.ts';
import { linksIn, linkText, vxlanOf, type PodRef, type SeenLink } from '../kernel-look.ts';
import { ping, waitReachable, type PingResult } from '../ping.ts';

/** The link is made and neither filled nor up: the worst moment there is. */
const POINT = 'ensureVxlanLink:after-create';
const ADDRESS = '192.168.12.3';

export interface KilledWorkerFacts {
  /** VXLAN links of the pod while the worker was dead. */
  readonly halfMade: readonly SeenLink[];
  /** From the worker's restart until the link was right, milliseconds. */
  readonly convergedMs: number;
  readonly links: readonly SeenLink[];
  readonly answered: PingResult;
}

export const killedWorker: Act<KilledWorkerFacts> = {
  title: 'a node worker is killed in the middle of an attach',
  run: async ({ lab, namespace, did, saw }) => {
    const pod: PodRef = { namespace, name: 'late' };
    const part = nodePart(await field(lab, pod, '{.spec.nodeName}'));
    const netns = await podNetnsPath(lab, pod);
    writeFileSync(failpointsFile(lab, part), JSON.stringify([{ point: POINT, action: 'kill', once: true }]));
    const networks = `vxeth2 ip=${ADDRESS}/29`;
    did(`${part} shall die by SIGKILL right after it made a link`);
    did(`kubectl annotate pod late vxlan.openvnf.org/networks='${networks}'`);
    await annotate(lab, pod, networks);
    await waitFor(`${part} to be dead`, async () => (partPid(lab, part) === undefined ? true : undefined), {
      limitMs: 20_000,
      everyMs: 20,
    });
    const halfMade = vxlanOf(await linksIn(netns));
    saw(`${part} is dead; it left: ${halfMade.map(linkText).join(' | ') || 'nothing'}`);
    check(halfMade.length > 0, 'the worker died before it made anything');
    check(!halfMade.some((link) => link.up), 'the worker died after the attach, not in the middle');

    did(`${part} is started again`);
    const started = performance.now();
    await startPodwirePart(lab, part);
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
    saw(`${links.length} VXLAN link: ${linkText(link)}, ${secondsText(convergedMs)} after the start`);
    check(links.length === 1, `there are ${links.length} VXLAN links: ${links.map(linkText).join(' | ')}`);
    await waitReachable(lab, { namespace, name: 'b' }, ADDRESS);
    const answered = await ping(lab, { namespace, name: 'b' }, ADDRESS);
    saw(`b → late: ${answered.received} of ${answered.sent} pings answered`);
    check(answered.received === answered.sent, 'b does not reach late');
    return { halfMade, convergedMs, links, answered };
  },
};
