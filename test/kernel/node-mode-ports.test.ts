/** Ports of a network of mode node: isolated, unguarded, the last one of a node, and beside what is somebody else's; on the real kernel. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { until, untilAsked } from '../workflows/limits.ts';
import { NEVER } from './node-under-test.ts';
import { peerOf, tellPeers } from './peer.ts';
import { BROADCAST, ipv4Frame, rawLink, type RawLink } from './raw-frames.ts';
import { seenIn } from './seen.ts';
import { LINK, Segments, type SegmentNode } from './segment-nodes.ts';

const IP = '/usr/sbin/ip';
const NFT = '/usr/sbin/nft';
const thread = createNetlinkThread();
after(() => thread.close());

const at = <T>(list: readonly T[], index: number): T => list[index] ?? assert.fail(`none at ${index}`);

describe('ports of a network of mode node', () => {
  let segments: Segments;
  before(async () => {
    segments = await Segments.create(thread, 2);
  });
  after(() => segments.remove());

  const endings: (() => void)[] = [];
  after(() => endings.forEach((end) => end()));

  test('that are isolated hear those that are not, and not each other', async () => {
    const here = at(segments.nodes, 0);
    const [a, b] = [await segments.pod(here, 11, { isolated: true }), await segments.pod(here, 12, { isolated: true })];
    const open = await segments.pod(here, 13);
    for (const { netns } of [a, b, open]) endings.push(tellPeers(netns));
    assert.equal(await peerOf(a.netns, open.four), a.four);
    assert.equal(await peerOf(open.netns, b.four), open.four);
    const [from, hearB, hearOpen] = [a, b, open].map((pod) => rawLink(pod.open, LINK)) as [RawLink, RawLink, RawLink];
    from.send(ipv4Frame({ from: a.member.mac, to: b.member.mac }, a.four, b.four, 'to b'));
    from.send(ipv4Frame({ from: a.member.mac, to: BROADCAST }, a.four, '255.255.255.255', 'to all'));
    let all: Buffer[] = [];
    await until('the third one hears it', () => {
      all = [...all, ...hearOpen.frames()];
      return all.some((frame) => frame.includes('to all'));
    });
    assert.equal(
      hearB.frames().some((frame) => frame.includes('to ')),
      false,
    );
    for (const link of [from, hearB, hearOpen]) link.close();
    for (const pod of [a, b, open]) assert.equal(await segments.detach(pod), true);
  });

  test('that are not guarded send as whoever they like', async () => {
    const [first, second] = segments.nodes as [SegmentNode, SegmentNode];
    segments.network = { ...segments.network, guarded: false };
    const [a, b] = [await segments.pod(first, 21), await segments.pod(second, 22)];
    const [from, to] = [rawLink(a.open, LINK), rawLink(b.open, LINK)];
    from.send(ipv4Frame({ from: '02:00:00:00:55:55', to: b.member.mac }, '10.9.9.9', b.four, 'forged'));
    await until('it is heard', () => to.frames().some((frame) => frame.includes('forged')));
    for (const link of [from, to]) link.close();
    for (const pod of [a, b]) await segments.detach(pod);
    segments.network = { ...segments.network, guarded: true };
  });

  test('leave nothing behind: with the last one of a node its device, its bridge and all rules go', async () => {
    const here = at(segments.nodes, 0);
    const before = [await seenIn(here.netns), await here.netns.exec([NFT, 'list', 'ruleset'])];
    const [a, b] = [await segments.pod(here, 31), await segments.pod(here, 32)];
    assert.equal(await segments.detach(a), true);
    assert.match(await here.netns.exec([IP, 'link']), /pwb64-12b5/);
    // By itself: no look at the membership has to follow.
    assert.equal(await here.kernel.detach(segments.plan(here), b.port, NEVER), true);
    assert.deepEqual([await seenIn(here.netns), await here.netns.exec([NFT, 'list', 'ruleset'])], before);
    assert.equal(await segments.detach(b), false);
    assert.deepEqual([await seenIn(here.netns), await here.netns.exec([NFT, 'list', 'ruleset'])], before);
  });

  test('go with a pod whose namespace is gone, and with the last of them everything', async () => {
    const here = at(segments.nodes, 0);
    const before = [await seenIn(here.netns), await here.netns.exec([NFT, 'list', 'ruleset'])];
    const pod = await segments.pod(here, 33);
    await pod.open.close();
    await pod.netns.remove();
    const links = async (): Promise<string> => here.netns.exec([IP, 'link']);
    await untilAsked('its port is gone', async () => !(await links()).includes(pod.port.hostName));
    assert.equal(await segments.detach(pod), false);
    assert.deepEqual([await seenIn(here.netns), await here.netns.exec([NFT, 'list', 'ruleset'])], before);
  });

  test('are not made over what is somebody else’s, nor removed with it', async () => {
    const here = at(segments.nodes, 0);
    const pod = await segments.unattached(here, 41);
    await pod.netns.exec([IP, 'link', 'add', LINK, 'type', 'bridge']);
    await assert.rejects(segments.attach(pod), { code: 'LinkConflict' });
    await pod.netns.exec([IP, 'link', 'delete', LINK]);
    await here.netns.exec([IP, 'link', 'add', pod.port.hostName, 'type', 'bridge']);
    await assert.rejects(segments.attach(pod), { code: 'LinkConflict' });
    assert.equal(await segments.detach(pod), false);
    assert.match(await here.netns.exec([IP, 'link']), new RegExp(pod.port.hostName));
    await here.netns.exec([IP, 'link', 'delete', pod.port.hostName]);
    const { device } = segments.plan(here);
    await here.netns.exec([IP, 'link', 'add', device, 'type', 'bridge']);
    await assert.rejects(segments.attach(pod), { code: 'LinkConflict' });
    await here.netns.exec([IP, 'link', 'delete', device]);
    await segments.attach(pod);
    await segments.detach(pod);
  });

  test('take over the tunnel of a network that is gone and had it before', async () => {
    const here = at(segments.nodes, 0);
    const pod = await segments.pod(here, 51);
    const { network } = segments.network;
    segments.network = { ...segments.network, network: { ...network, name: 'green' } };
    const next = await segments.unattached(here, 52);
    await segments.attach(next);
    assert.match(await here.netns.exec([IP, 'link', 'show', segments.plan(here).bridge]), /network:green/);
    await segments.detach(next);
    await segments.detach(pod);
    segments.network = { ...segments.network, network };
  });
});
