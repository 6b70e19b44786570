/** Act 6: a mistake in an annotation shows as a Warning event on the pod; the good network of the same pod works. */
import { podNetnsPath } from '../../lab/lab.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, type Act } from '../act.ts';
import { apply, podManifest, podwireEvents, waitRunning, type SeenEvent } from '../cluster.ts';
import { linksIn, linkText, vxlanOf, type PodRef, type SeenLink } from '../kernel-look.ts';
import { ping, waitReachable, type PingResult } from '../ping.ts';

const GOOD_ADDRESS = '192.168.11.4';
const BAD_ADDRESS = '192.168.12.300/29';

export interface BadAnnotationFacts {
  readonly warning: SeenEvent;
  readonly links: readonly SeenLink[];
  readonly answered: PingResult;
}

export const badAnnotation: Act<BadAnnotationFacts> = {
  title: 'a mistake in an annotation: its event, and the good network beside it',
  run: async ({ lab, namespace, did, saw }) => {
    const pod: PodRef = { namespace, name: 'typo' };
    const networks = `vxeth1 ip=${GOOD_ADDRESS}/29, vxeth2 ip=${BAD_ADDRESS}`;
    did(`pod typo asks for: ${networks}`);
    await apply(lab, [podManifest(pod, { node: lab.nodes[0]?.name ?? '', image: lab.testImage, networks })]);
    await waitRunning(lab, [pod]);
    const warning = await waitFor(
      'a Warning event on typo',
      async () => (await podwireEvents(lab, pod)).find((event) => event.type === 'Warning'),
      { limitMs: 20_000 },
    );
    saw(`event ${warning.type} ${warning.reason}: ${warning.message}`);
    for (const word of ['vxeth2', 'ip', BAD_ADDRESS])
      check(warning.message.includes(word), `the event does not name '${word}': ${warning.message}`);

    const netns = await podNetnsPath(lab, pod);
    await waitFor('vxeth1 in typo, up', async () => vxlanOf(await linksIn(netns)).find((link) => link.up), {
      limitMs: 20_000,
      everyMs: 50,
    });
    await waitReachable(lab, pod, '192.168.11.1');
    const answered = await ping(lab, pod, '192.168.11.1');
    const links = vxlanOf(await linksIn(netns));
    saw(`links of typo: ${links.map(linkText).join(' | ')}`);
    saw(`typo → gateway: ${answered.received} of ${answered.sent} pings answered`);
    check(links.map(({ name }) => name).join() === 'vxeth1', 'typo should have vxeth1 and nothing else');
    check(answered.received === answered.sent, 'the good network of typo does not work');
    return { warning, links, answered };
  },
};
