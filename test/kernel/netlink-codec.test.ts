/** What the netlink codecs ask for and read, compared with what iproute2 says of the same namespace. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  encodeAddress,
  decodeAddress,
  encodeAddressDump,
  IFA_F,
  RTM_ADDRESS,
} from '../../adapters/netlink/codec/address.ts';
import { text } from '../../adapters/netlink/codec/attributes.ts';
import { bridgeInfo, decodeLink, encodeLink, IFLA, RTM_LINK } from '../../adapters/netlink/codec/link.ts';
import { vethInfo, vxlanChange, vxlanInfo, type LinkMessage } from '../../adapters/netlink/codec/link.ts';
import { FLAG } from '../../adapters/netlink/codec/messages.ts';
import { decodeNeighbour, encodeNeighbour, encodeNeighbourDump } from '../../adapters/netlink/codec/neighbour.ts';
import { NTF_SELF, NUD_NOARP, NUD_PERMANENT, RTM_NEIGHBOUR } from '../../adapters/netlink/codec/neighbour.ts';
import { decodeRoute, encodeRoute, encodeRouteDump, RTM_ROUTE } from '../../adapters/netlink/codec/route.ts';
import { decodeRule, encodeRule, encodeRuleDump, RTM_RULE } from '../../adapters/netlink/codec/rule.ts';
import { inNetns } from '../../adapters/netlink/enter-netns.ts';
import { NetlinkSocket, PROTOCOL } from '../../adapters/netlink/socket.ts';
import { createTestNetns, type TestNetns } from './namespace.ts';

type Said = Readonly<Record<string, unknown>>;

describe('netlink codecs, beside iproute2', () => {
  let netns: TestNetns;
  let socket: NetlinkSocket;
  const create = (type: number, payload: Buffer): void =>
    socket.request({ type, flags: FLAG.CREATE | FLAG.EXCLUDE, payload });
  const ask = async (...words: string[]): Promise<Said[]> =>
    JSON.parse(await netns.exec(['/usr/sbin/ip', '-j', '-d', ...words])) as Said[];
  const links = (): Map<string, LinkMessage> =>
    new Map(
      socket
        .dump(RTM_LINK.GET, encodeLink({}))
        .map(decodeLink)
        .map((link) => [link.name, link]),
    );
  const indexOf = (name: string): number => links().get(name)?.index ?? 0;

  before(async () => {
    netns = await createTestNetns();
    const { inode } = await netns.identity();
    const fd = openSync(netns.path, 'r');
    socket = inNetns({ fd, inode }, () => new NetlinkSocket(PROTOCOL.ROUTE));
    closeSync(fd);
  });
  after(async () => {
    socket.close();
    await netns.remove();
  });

  it('make links of three kinds and read what iproute2 reads', async () => {
    const linkIndex = indexOf('eth0');
    const device = { linkIndex, dstPort: 4789, learning: false };
    const kinds = {
      vx4: vxlanInfo({ ...device, vni: 4711, srcPorts: { first: 40000, last: 50000 }, local: '10.244.1.5' }),
      vx6: vxlanInfo({ ...device, vni: 16777215, learning: true, local: 'fd00:244::5' }),
      br0: bridgeInfo(),
      va: vethInfo('vb'),
    };
    for (const [name, info] of Object.entries(kinds))
      create(RTM_LINK.NEW, encodeLink({ attributes: [text(IFLA.IFNAME, name), info] }));
    socket.request({
      type: RTM_LINK.NEW,
      payload: encodeLink({ index: indexOf('vx6'), attributes: [vxlanChange({ learning: false })] }),
    });
    const said = await ask('link', 'show');
    const read = links();
    assert.deepEqual([...read.keys()].sort(), ['br0', 'eth0', 'far0', 'lo', 'va', 'vb', 'vx4', 'vx6']);
    const inWords = [...read.values()].map(({ index, name, mtu, mac, kind, txQueueLength, qdisc }) => ({
      ...{ ifindex: index, ifname: name, mtu, address: mac, txqlen: txQueueLength, qdisc, kind },
    }));
    const ofIproute2 = said.map(({ ifindex, ifname, mtu, address, txqlen, qdisc, linkinfo }) => ({
      ...{ ifindex, ifname, mtu, address, txqlen, qdisc, kind: (linkinfo as Said | undefined)?.['info_kind'] },
    }));
    assert.deepEqual(inWords, ofIproute2);
    for (const name of ['vx4', 'vx6']) {
      const info = said.find(({ ifname }) => ifname === name)?.['linkinfo'] as Said;
      const { id, port, port_range, learning, local, local6, ageing } = info['info_data'] as Said;
      const vxlan = read.get(name)?.vxlan;
      assert.deepEqual(
        [vxlan?.vni, vxlan?.dstPort, vxlan?.srcPorts, vxlan?.learning, vxlan?.local, vxlan?.local6, vxlan?.ageing],
        [id, port, port_range, learning, local, local6, ageing],
      );
      assert.equal(vxlan?.learning, false);
      assert.equal(vxlan?.linkIndex, linkIndex);
    }
  });

  it('add addresses and read what iproute2 reads, of one link only where that is asked for', async () => {
    const index = indexOf('far0');
    create(RTM_ADDRESS.NEW, encodeAddress({ family: 4, prefix: 25, index, address: '192.0.2.7' }));
    create(
      RTM_ADDRESS.NEW,
      encodeAddress({ family: 6, prefix: 64, index, flags: IFA_F.NODAD, address: '2001:db8:0:0::7' }),
    );
    const read = socket.dump(RTM_ADDRESS.GET, encodeAddressDump({ index })).map(decodeAddress);
    const [said] = await ask('address', 'show', 'dev', 'far0');
    assert.deepEqual(
      read.map(({ address, prefix, cacheInfo }) => [address, prefix, cacheInfo?.valid]),
      (said?.['addr_info'] as Said[]).map(({ local, prefixlen, valid_life_time }) => [
        local,
        prefixlen,
        valid_life_time,
      ]),
    );
    assert.ok(read.every((address) => address.index === index));
    assert.ok(read.some(({ address, flags }) => address === '2001:db8::7' && (flags & IFA_F.NODAD) !== 0));
  });

  it('add routes and read what iproute2 reads, of one link and table only where that is asked for', async () => {
    const oif = indexOf('far0');
    const to = (family: 4 | 6, address: string, prefix: number) => ({ family, destination: { address, prefix }, oif });
    const protocol = 230;
    create(RTM_ROUTE.NEW, encodeRoute({ ...to(4, '198.51.100.0', 24), gateway: '192.0.2.1', protocol }));
    create(RTM_ROUTE.NEW, encodeRoute({ ...to(4, '203.0.113.0', 24), gateway: 'fe80::1', table: 1000, protocol }));
    create(RTM_ROUTE.NEW, encodeRoute({ ...to(6, '2001:db8:1::', 48), gateway: '2001:db8::1', priority: 7, protocol }));
    for (const family of [4, 6] as const)
      for (const table of [254, 1000]) {
        if (family === 6 && table === 1000) continue;
        const said = await ask(`-${family}`, 'route', 'show', 'table', String(table), 'dev', 'far0');
        const read = socket.dump(RTM_ROUTE.GET, encodeRouteDump({ family, oif, table })).map(decodeRoute);
        assert.deepEqual(
          read.map(({ destination, gateway, via, priority }) => [destination, gateway, via?.address, priority]),
          said.map(({ dst, gateway, via, metric }) => [dst, gateway, (via as Said | undefined)?.['host'], metric]),
        );
        assert.ok(read.some((route) => route.protocol === protocol));
      }
  });

  it('add rules and read what iproute2 reads', async () => {
    const rule = { table: 1000, priority: 77, fwmark: 16, iif: 'far0', suppressPrefixLength: 0 };
    create(RTM_RULE.NEW, encodeRule({ ...rule, family: 4, source: { address: '192.0.2.0', prefix: 25 } }));
    const said = await ask('-4', '-N', 'rule', 'show');
    const read = socket.dump(RTM_RULE.GET, encodeRuleDump({ family: 4 })).map(decodeRule);
    assert.deepEqual(
      read.map(({ priority, table, source = 'all/', iif, suppressPrefixLength }) => [
        ...[priority, String(table), source, iif, suppressPrefixLength],
      ]),
      said.map(({ priority, table, src, srclen = '', iif, suppress_prefixlen }) => [
        ...[priority, table, `${String(src)}/${String(srclen)}`, iif, suppress_prefixlen],
      ]),
    );
    const added = read.find(({ priority }) => priority === 77);
    assert.deepEqual([added?.fwmark, added?.source], [16, '192.0.2.0/25']);
  });

  it('add neighbours and forwarding entries and read what iproute2 reads', async () => {
    const [eth, vxlan] = [indexOf('eth0'), indexOf('vx4')];
    const neighbour = { index: eth, state: NUD_PERMANENT, mac: '02:00:00:00:00:55', protocol: 230 };
    create(RTM_NEIGHBOUR.NEW, encodeNeighbour({ ...neighbour, family: 2, destination: '10.244.1.55' }));
    create(RTM_NEIGHBOUR.NEW, encodeNeighbour({ ...neighbour, family: 10, destination: 'fd00:244::55' }));
    for (const family of [2, 10] as const) {
      const read = socket.dump(RTM_NEIGHBOUR.GET, encodeNeighbourDump({ family, index: eth })).map(decodeNeighbour);
      const said = await ask(family === 2 ? '-4' : '-6', 'neigh', 'show', 'dev', 'eth0', 'nud', 'permanent');
      assert.deepEqual(
        read
          .filter(({ state }) => state === NUD_PERMANENT)
          .map(({ destination, mac, protocol }) => [destination, mac, String(protocol)]),
        said.map(({ dst, lladdr, protocol }) => [dst, lladdr, protocol]),
      );
      assert.ok(said.length > 0 && read.every(({ index }) => index === eth));
    }
    const entry = { family: 7, index: vxlan, state: NUD_NOARP | NUD_PERMANENT, flags: NTF_SELF } as const;
    const mac = '02:00:00:00:00:01';
    const far = { mac, destination: '192.0.2.9', port: 4790, vni: 12, viaIndex: eth };
    create(RTM_NEIGHBOUR.NEW, encodeNeighbour({ ...entry, ...far }));
    const read = socket.dump(RTM_NEIGHBOUR.GET, encodeNeighbourDump({ family: 7, index: vxlan })).map(decodeNeighbour);
    const said = JSON.parse(await netns.exec(['/usr/sbin/bridge', '-j', 'fdb', 'show', 'dev', 'vx4'])) as Said[];
    assert.deepEqual(
      read.map(({ mac: hardware, destination, port, vni }) => [hardware, destination, port, vni]),
      said.map(({ mac: hardware, dst, port, vni }) => [hardware, dst, port, vni]),
    );
    assert.deepEqual(
      read.map(({ viaIndex }) => viaIndex),
      [eth],
    );
  });
});
