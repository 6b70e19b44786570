/** The tables that podwire writes over netlink are those that it wrote with nft(8), and each reads what the other wrote. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { senderLines } from '../../adapters/nftables/sender-rules.ts';
import { parseSenders } from '../../adapters/nftables/listed-senders.ts';
import { inNetns } from '../../adapters/netlink/enter-netns.ts';
import { withHeader } from '../../adapters/netlink/nftables/objects.ts';
import { changeSenders, ignoreAdvertisements, probe, readSenders } from '../../adapters/netlink/nftables/senders.ts';
import { attributesOf } from '../../adapters/netlink/nftables/seen-senders.ts';
import { openNetfilterSocket, type OpenNetfilterSocket } from '../../adapters/netlink/nftables/socket.ts';
import type { NetfilterSocket } from '../../adapters/netlink/nftables/transport.ts';
import { NFPROTO, NFT_MSG } from '../../adapters/netlink/nftables/uapi.ts';
import { NetlinkRefused } from '../../adapters/netlink/refused.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { SeenSenders, Senders, SendersChange } from '../../domain/forwarding/senders.ts';
import { createTestNetns, type TestNetns } from './namespace.ts';

const NFT = '/usr/sbin/nft';
const LINK = 'green';
const TABLE = `inet podwire_${LINK}`;

let netns: TestNetns;
let socket: OpenNetfilterSocket;
before(async () => {
  netns = await createTestNetns();
  const fd = openSync(netns.path, 'r');
  socket = inNetns({ fd, inode: (await netns.identity()).inode }, openNetfilterSocket);
  closeSync(fd);
});
afterEach(() => nft('flush ruleset'));
after(async () => {
  socket.close();
  await netns.remove();
});

const nft = (...lines: string[]): Promise<string> => netns.exec([NFT, '-f', '-'], { input: `${lines.join('\n')}\n` });
const listed = async (): Promise<string> => netns.exec([NFT, '-j', 'list', 'ruleset']);
const writeByNft = (change: SendersChange): Promise<string> => nft(...senderLines(LINK, change));
const readByNft = async (): Promise<SeenSenders> => {
  const text = await netns.exec([NFT, '-j', 'list', 'table', ...TABLE.split(' ')], { mayFail: true });
  return text === '' ? undefined : parseSenders(text);
};
const write = (change: SendersChange): void => changeSenders(socket, LINK, change);
const read = (): SeenSenders => readSenders(socket, LINK);

function senders(family: 4 | 6, count: number, first = 1): Senders {
  const numbers = Array.from({ length: count }, (_, index) => index + first);
  const from = numbers.map((number) =>
    family === 4 ? `10.9.${number >> 8}.${number & 0xff}` : `fd00:9::${number.toString(16)}`,
  );
  return { vni: 0x123456, dstPort: 4789, family, from: from.sort() };
}

/** Attributes of all objects of a kind in the namespace; of a table that is made alike, handles are alike. */
const inHex = (get: number): string[] =>
  socket.dump(get, withHeader(NFPROTO.UNSPEC, [])).map((one) => attributesOf(one).toString('hex'));
const withoutHandles = (listing: string): unknown => JSON.parse(listing.replaceAll(/"handle": \d+/g, '"handle": 0'));

const CASES = ([4, 6] as const).flatMap((family) => [0, 1, 1000].map((count) => ({ family, count })));

describe('the filter of members', () => {
  for (const { family, count } of CASES) {
    const all = senders(family, count);
    const what = `${count} members of IPv${family}`;

    it(`with ${what} is the same for nft when it was written over netlink`, async () => {
      write({ kind: 'make', senders: all });
      assert.deepEqual(await readByNft(), all);
      assert.deepEqual(read(), all);
    });

    it(`with ${what} is the same over netlink when nft wrote it`, async () => {
      await writeByNft({ kind: 'make', senders: all });
      assert.deepEqual(read(), all);
    });
  }

  for (const family of [4, 6] as const)
    it(`of IPv${family} consists of the same objects, byte by byte and as nft lists them, whoever wrote it`, async () => {
      const seen = [];
      for (const make of [writeByNft, async (change: SendersChange) => Promise.resolve(write(change))]) {
        await make({ kind: 'make', senders: senders(family, 3) });
        seen.push({
          rules: inHex(NFT_MSG.GETRULE),
          sets: inHex(NFT_MSG.GETSET),
          listing: withoutHandles(await listed()),
        });
        await nft(`delete table ${TABLE}`);
      }
      assert.deepEqual(seen[1], seen[0]);
    });

  it('has addresses as RFC 5952 writes them', async () => {
    const from = ['2001:db8:0:1:1:1:1:1', '2001:db8::1:0:0:1', '::2', 'fe80::1'].sort();
    const all = { ...senders(6, 0), from };
    write({
      kind: 'make',
      senders: { ...all, from: ['2001:DB8:0:1:1:1:1:1', '2001:db8:0:0:1::1', '0::2', 'fe80::1'] },
    });
    assert.deepEqual([read(), await readByNft()], [all, all]);
  });

  it('of more members than fit into what a socket takes at once is one transaction all the same', () => {
    const all = senders(6, 12_000);
    write({ kind: 'make', senders: all });
    assert.deepEqual(read(), all);
  });

  it('is not there before it is made', () => {
    assert.equal(read(), undefined);
  });
});

describe('a change of the filter', () => {
  const [few, more] = [senders(4, 3), senders(4, 1200, 3)];

  it('lets in and keeps out single members, however many', async () => {
    for (const family of [4, 6] as const) {
      const [had, has] = [senders(family, 1000), senders(family, 1000, 501)];
      write({ kind: 'make', senders: had });
      write({ kind: 'change', family, admit: has.from.slice(-500), refuse: had.from.slice(0, 0) });
      write({ kind: 'change', family, admit: [], refuse: had.from.filter((one) => !has.from.includes(one)) });
      write({ kind: 'change', family, admit: has.from, refuse: [] });
      assert.deepEqual([read(), await readByNft()], [has, has]);
      write({ kind: 'remove' });
    }
  });

  it('of what nft wrote is one that nft reads, and the other way round', async () => {
    await writeByNft({ kind: 'make', senders: few });
    write({ kind: 'change', family: 4, admit: more.from, refuse: few.from.slice(0, 2) });
    assert.deepEqual(await readByNft(), more);
    await writeByNft({ kind: 'change', family: 4, admit: more.from, refuse: more.from.slice(3) });
    assert.deepEqual(read(), { ...more, from: more.from.slice(0, 3) });
  });

  it('puts another filter in its place, with another family and another port as well', () => {
    write({ kind: 'make', senders: few });
    const other = { ...senders(6, 700), vni: 1, dstPort: 65535 };
    write({ kind: 'replace', senders: other });
    assert.deepEqual(read(), other);
  });

  it('that makes what is there already, as it may be otherwise, makes it anew', () => {
    write({ kind: 'make', senders: few });
    write({ kind: 'make', senders: more });
    assert.deepEqual(read(), more);
  });

  it('of a filter that is not there makes it as a whole, if somebody knows the whole', () => {
    const change = { kind: 'change', family: 4, admit: few.from, refuse: [] } as const;
    assert.throws(() => write(change), { name: 'NetlinkRefused', errno: 2 });
    assert.equal(read(), undefined);
    write({ ...change, whole: () => few });
    assert.deepEqual(read(), few);
  });

  it('that keeps out somebody who was never let in does nothing of the rest, or all of it anew', () => {
    write({ kind: 'make', senders: few });
    const change = { kind: 'change', family: 4, admit: ['192.0.2.7'], refuse: ['192.0.2.8'] } as const;
    assert.throws(() => write(change), { name: 'NetlinkRefused', errno: 2 });
    assert.deepEqual(read(), few);
    write({ ...change, whole: () => more });
    assert.deepEqual(read(), more);
  });

  it('that is refused for another reason is not made in another way', () => {
    let tries = 0;
    const forbidding = (): never => {
      tries += 1;
      throw new NetlinkRefused({ errno: 1 });
    };
    const change = { kind: 'make', senders: few } as const;
    assert.throws(() => changeSenders({ ...socket, transaction: forbidding }, LINK, change), { errno: 1 });
    assert.equal(tries, 1);
  });

  it('removes the filter, and is content when there is none', () => {
    write({ kind: 'make', senders: few });
    write({ kind: 'remove' });
    assert.equal(read(), undefined);
    write({ kind: 'remove' });
    assert.equal(read(), undefined);
  });

  it('that was interrupted is made again, and one that always is says so', () => {
    const interrupted = (times: number): NetfilterSocket => ({
      ...socket,
      transaction(messages) {
        times -= 1;
        if (times >= 0) throw new NetlinkRefused({ errno: times % 2 === 0 ? 85 : 11 });
        socket.transaction(messages);
      },
    });
    changeSenders(interrupted(3), LINK, { kind: 'make', senders: few });
    assert.deepEqual(read(), few);
    const busy = (error: unknown): boolean => error instanceof PodwireError && error.code === 'KernelBusy';
    assert.throws(() => changeSenders(interrupted(1000), LINK, { kind: 'remove' }), busy);
  });
});

describe('a filter that somebody changed', () => {
  const STRANGER = `udp dport 4789 @th,96,24 0x123456 ip saddr`;
  const ALTERATIONS: readonly string[][] = [
    [`add rule ${TABLE} input accept`],
    [`insert rule ${TABLE} input accept`],
    [`flush chain ${TABLE} input`],
    ...[
      `udp dport 4789 @th,96,24 0x123456 ip saddr @members drop`,
      `udp dport 4789 @th,96,24 0x123456 ip daddr != @members drop`,
      `udp sport 4789 @th,96,24 0x123456 ip saddr != @members drop`,
      `udp dport != 4789 @th,96,24 0x123456 ip saddr != @members drop`,
      `udp dport 4789 @th,88,24 0x123456 ip saddr != @members drop`,
      `udp dport 4789 ip saddr != @members drop`,
      `tcp dport 4789 @th,96,24 0x123456 ip saddr != @members drop`,
      `${STRANGER} != @members accept`,
      `${STRANGER} != @members counter drop`,
      `${STRANGER} != @members drop comment "mine"`,
    ].map((rule) => [`flush chain ${TABLE} input`, `add rule ${TABLE} input ${rule}`]),
    [`add chain ${TABLE} other`],
    [`add chain ${TABLE} input { type filter hook input priority -300 ; policy drop ; }`],
    [`add set ${TABLE} others { type ipv4_addr ; }`],
    [`add counter ${TABLE} counted`],
    [`add table ${TABLE} { flags dormant ; }`],
    [`add element ${TABLE} members { 192.0.2.9 comment "mine" }`],
  ];
  /** A table of podwire's name that somebody made as a whole. */
  const made = (set: string, chain: string): string[] => [
    `delete table ${TABLE}`,
    `add table ${TABLE}`,
    `add set ${TABLE} members { ${set} }`,
    `add chain ${TABLE} input { ${chain} }`,
    `add rule ${TABLE} input ${STRANGER} != @members drop`,
  ];
  const CHAIN = 'type filter hook input priority -300 ; policy accept ;';
  const WHOLES = [
    made('type ipv4_addr ; timeout 1h ; elements = { 10.9.0.1 } ;', CHAIN),
    made('type ipv4_addr ; flags interval ; elements = { 10.9.0.0/24 } ;', CHAIN),
    made('type ipv4_addr ; size 100 ;', CHAIN),
    made('type ipv4_addr ; comment "mine" ;', CHAIN),
    made('type ipv4_addr ;', 'type filter hook input priority 0 ; policy accept ;'),
    made('type ipv4_addr ;', 'type filter hook prerouting priority -300 ; policy accept ;'),
    [`delete table ${TABLE}`, `add table ${TABLE}`],
    [`delete table ${TABLE}`, `add table ${TABLE}`, `add set ${TABLE} members { type ipv4_addr ; }`],
    [`delete table ${TABLE}`, `add table ${TABLE}`, `add chain ${TABLE} input { ${CHAIN} }`],
  ];
  for (const lines of [...ALTERATIONS, ...WHOLES])
    it(`is told, and made anew: ${lines.join('; ').replaceAll(TABLE, 'it')}`, async () => {
      const all = senders(4, 2);
      write({ kind: 'make', senders: all });
      await nft(...lines);
      assert.deepEqual([read(), await readByNft()], ['altered', 'altered']);
      write({ kind: 'replace', senders: all });
      assert.deepEqual([read(), await readByNft()], [all, all]);
    });

  it('is not told of tables of other names and families', async () => {
    const all = senders(4, 2);
    write({ kind: 'make', senders: all });
    await nft('add table ip podwire_green', 'add chain ip podwire_green input', 'add table inet podwire_blue');
    assert.deepEqual(read(), all);
  });
});

describe('a filter that is changed while it is read', () => {
  const [a, b] = [senders(4, 1000), senders(4, 1000, 5000)];

  /** Somebody writes before each of the first questions of one kind. */
  function disturbed(kind: number, times: number, disturb: () => void): NetfilterSocket {
    const before = (type: number): void => {
      if (type !== kind || times === 0) return;
      times -= 1;
      disturb();
    };
    return {
      ...socket,
      get(request) {
        before(request.type);
        return socket.get(request);
      },
      dump(type, payload) {
        before(type);
        return socket.dump(type, payload);
      },
    };
  }

  it('is read again, as it is then', () => {
    for (const kind of [NFT_MSG.GETCHAIN, NFT_MSG.GETSETELEM, NFT_MSG.GETGEN]) {
      write({ kind: 'replace', senders: a });
      assert.deepEqual(
        readSenders(
          disturbed(kind, 1, () => write({ kind: 'replace', senders: b })),
          LINK,
        ),
        b,
      );
      assert.equal(
        readSenders(
          disturbed(kind, 1, () => write({ kind: 'remove' })),
          LINK,
        ),
        undefined,
      );
    }
  });

  it('is not known when somebody changes it all the time', () => {
    write({ kind: 'make', senders: a });
    const always = disturbed(NFT_MSG.GETSET, Infinity, () => write({ kind: 'replace', senders: b }));
    assert.throws(() => readSenders(always, LINK), { name: 'PodwireError', code: 'KernelBusy' });
  });

  it('by another process is seen as it was before a change or after it, never in between', async () => {
    const [toA, toB] = [a, b].map((all) => senderLines(LINK, { kind: 'replace', senders: all }).join('\n'));
    write({ kind: 'make', senders: a });
    const script = `for i in 1 2 3 4 5 6 7 8 9 10; do ${NFT} -f - <<A\n${toA}\nA\n${NFT} -f - <<B\n${toB}\nB\ndone`;
    let isOver = false;
    const changing = netns.exec(['/bin/sh', '-c', script]).finally(() => (isOver = true));
    const counts = new Map<string | undefined, number>();
    while (!isOver) {
      const seen = read();
      assert.ok(typeof seen === 'object', `seen: ${JSON.stringify(seen)}`);
      const which = [a, b].find(({ from }) => from[0] === seen.from[0]);
      assert.deepEqual(seen, which);
      counts.set(seen.from[0], (counts.get(seen.from[0]) ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await changing;
    assert.equal(counts.size, 2, 'both were seen');
  });
});

describe('deafness to router advertisements', () => {
  const rules = (link: string): string[] => [
    'add table ip6 podwire',
    'add set ip6 podwire deaf { type iface_index; }',
    'add chain ip6 podwire input { type filter hook input priority filter; }',
    'flush chain ip6 podwire input',
    'add rule ip6 podwire input iif @deaf icmpv6 type nd-router-advert drop',
    `add element ip6 podwire deaf { "${link}" }`,
  ];
  const indexOf = async (link: string): Promise<number> =>
    Number(/^(\d+):/.exec(await netns.exec(['/usr/sbin/ip', '-o', 'link', 'show', 'dev', link]))?.[1]);

  it('is the same as nft made it, for one link and one more, said once or again', async () => {
    const steps = ['far0', 'eth0', 'eth0'];
    const listings: unknown[][] = [];
    for (const make of [
      async (link: string) => nft(...rules(link)),
      async (link: string) => ignoreAdvertisements(socket, await indexOf(link)),
    ]) {
      const seen: unknown[] = [];
      for (const link of steps) {
        await make(link);
        seen.push(withoutHandles(await listed()), ...inHex(NFT_MSG.GETRULE), ...inHex(NFT_MSG.GETSET));
      }
      listings.push(seen);
      await nft('flush ruleset');
    }
    assert.deepEqual(listings[1], listings[0]);
  });

  it('is added to what nft made', async () => {
    await nft(...rules('far0'));
    ignoreAdvertisements(socket, await indexOf('eth0'));
    const listing = await netns.exec([NFT, 'list', 'table', 'ip6', 'podwire']);
    assert.match(listing, /elements = \{ "(far0", "eth0|eth0", "far0)" \}/);
    assert.equal(listing.match(/nd-router-advert drop/g)?.length, 1);
  });
});

describe('the try whether nf_tables can do it', () => {
  it('leaves nothing, and says nothing where it can', async () => {
    assert.equal(probe(socket), undefined);
    assert.equal(await netns.exec([NFT, 'list', 'ruleset']), '');
  });

  it('says in words why it cannot', () => {
    const transaction = (): never => {
      throw new NetlinkRefused({ errno: 1 });
    };
    assert.match(probe({ ...socket, transaction }) ?? '', /Operation not permitted/);
  });
});
