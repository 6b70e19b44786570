/** The filter of members as messages of nf_tables, and what the kernel says of it, as captured from Linux 6.18 where nft 1.0.6 had written it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  be32,
  decodeAttributes,
  encodeAttributes,
  listAttributes,
  text,
} from '../../../adapters/netlink/codec/attributes.ts';
import { FLAG } from '../../../adapters/netlink/codec/messages.ts';
import { isAsWritten } from '../../../adapters/netlink/nftables/as-written.ts';
import { deafMessages } from '../../../adapters/netlink/nftables/deaf-table.ts';
import { batch } from '../../../adapters/netlink/nftables/objects.ts';
import { decodeSenders, generationOf, type SenderAnswers } from '../../../adapters/netlink/nftables/seen-senders.ts';
import { senderMessages, sendersTable } from '../../../adapters/netlink/nftables/sender-table.ts';
import type { NetfilterMessage } from '../../../adapters/netlink/nftables/transport.ts';
import { ELEMENTS, NFT_MSG } from '../../../adapters/netlink/nftables/uapi.ts';
import type { Senders, SendersChange } from '../../../domain/forwarding/senders.ts';

const LINK = 'eth7';
const SENDERS: Senders = { vni: 5, dstPort: 4789, family: 4, from: ['192.0.2.1', '192.0.2.2'] };

const NAMES = new Map<number, string>(Object.entries(NFT_MSG).map(([name, type]) => [type, name]));
/** Each message as its name and its flags in hex. */
const summary = (messages: readonly NetfilterMessage[]): string[] =>
  messages.map(({ type, flags }) => `${NAMES.get(type) ?? type.toString(16)} ${flags.toString(16)}`);

describe('messages of a change of the filter', () => {
  const CONTENT = ['NEWSET 400', 'NEWSETELEM 400', 'NEWCHAIN 400', 'NEWRULE c00'];
  const CASES: readonly (readonly [SendersChange, readonly string[]])[] = [
    [{ kind: 'make', senders: SENDERS }, ['NEWTABLE 200', ...CONTENT]],
    [{ kind: 'replace', senders: SENDERS }, ['NEWTABLE 0', 'DELTABLE 0', 'NEWTABLE 0', ...CONTENT]],
    [{ kind: 'remove' }, ['NEWTABLE 0', 'DELTABLE 0']],
    [
      { kind: 'change', family: 6, admit: ['2001:db8::1'], refuse: ['2001:db8::2'] },
      ['NEWSETELEM 400', 'DELSETELEM 0'],
    ],
    [{ kind: 'change', family: 4, admit: [], refuse: [] }, []],
  ];
  for (const [change, expected] of CASES)
    it(`that is to ${change.kind} are those of nft, in its order: ${expected.join(', ')}`, () => {
      assert.deepEqual(summary(senderMessages(LINK, change)), expected);
    });

  it('have at most 16 KiB, and each member once, in order, however many there are', () => {
    const some = fc.uniqueArray(
      fc.ipV6().filter((one) => !one.includes('.')),
      { maxLength: 5, minLength: 1 },
    );
    fc.assert(
      fc.property(fc.constantFrom<4 | 6>(4, 6), fc.integer({ min: 0, max: 2500 }), some, (family, count, [first]) => {
        const from = Array.from({ length: count }, (_, index) =>
          family === 4
            ? `10.0.${index >> 8}.${index & 0xff}`
            : index === 0
              ? String(first)
              : `fd00::${index.toString(16)}`,
        );
        const messages = senderMessages(LINK, { kind: 'change', family, admit: from, refuse: [] });
        assert.ok(messages.every(({ payload }) => payload.length <= 16 * 1024));
        assert.equal(messages.flatMap(({ payload }) => keysOf(payload)).length, count);
        if (family === 4)
          assert.deepEqual(
            messages.flatMap(({ payload }) => keysOf(payload).map((key) => key.join('.'))),
            from,
          );
      }),
      { numRuns: 30 },
    );
  });

  it('are none where a value is not of its kind', () => {
    const wrong: readonly (readonly [string, SendersChange])[] = [
      ['eth 7', { kind: 'remove' }],
      [LINK, { kind: 'make', senders: { ...SENDERS, vni: 0 } }],
      [LINK, { kind: 'make', senders: { ...SENDERS, vni: 16777216 } }],
      [LINK, { kind: 'make', senders: { ...SENDERS, dstPort: 65536 } }],
      [LINK, { kind: 'replace', senders: { ...SENDERS, family: 6 } }],
      [LINK, { kind: 'change', family: 4, admit: ['2001:db8::1'], refuse: [] }],
      [LINK, { kind: 'change', family: 4, admit: [], refuse: ['1.2.3'] }],
      [LINK, { kind: 'change', family: 6, admit: ['fe80::1%eth0'], refuse: [] }],
    ];
    for (const [link, change] of wrong)
      assert.throws(() => senderMessages(link, change), { name: 'PodwireError', code: 'InvalidLink' });
  });

  it('begin and end as a batch, whose last one is acknowledged', () => {
    const messages = batch(senderMessages(LINK, { kind: 'remove' }));
    assert.deepEqual(summary(messages), ['10 0', 'NEWTABLE 0', `DELTABLE ${FLAG.ACK.toString(16)}`, '11 0']);
    for (const { payload } of [messages[0], messages[3]].flatMap((one) => one ?? []))
      assert.equal(payload.toString('hex'), '0000000a');
  });
});

it('messages that make a link deaf are those of nft, in its order', () => {
  assert.deepEqual(summary(deafMessages(7)), [
    'NEWTABLE 0',
    'NEWSET 400',
    'NEWCHAIN 400',
    'DELRULE 0',
    'NEWRULE c00',
    'NEWSETELEM 400',
  ]);
});

const keysOf = (payload: Buffer): Buffer[] =>
  listAttributes(decodeAttributes(payload.subarray(4)).get(ELEMENTS.LIST) ?? Buffer.alloc(0)).map(({ value }) =>
    value.subarray(8),
  );

const HEAD = '0100000211000100706f64776972655f6574683700000000';
const SEEN = {
  table: `${HEAD}08000300000000020c00040000000000000000010800020000000000`,
  chain: `${HEAD}0a000300696e7075740000000c000200000000000000000214000400080001000000000108000200fffffed408000500000000010b00070066696c746572000008000a00000000010800060000000001`,
  set: `${HEAD}0c0002006d656d62657273000c0010000000000000000001080004000000000708000500000000040a000d000004020000000000040009001700130030786666666666666666383235303766343000000800140000000002`,
  rule: `${HEAD}0a000200696e7075740000000c0003000000000000000003f801040024000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d700020000200080001000000000108000200000000000c0003000500010011000000340001000c0001007061796c6f6164002400020008000100000000010800020000000002080003000000000208000400000000022c00010008000100636d700020000200080001000000000108000200000000000c0003000600010012b50000340001000c0001007061796c6f6164002400020008000100000000010800020000000002080003000000000c08000400000000032c00010008000100636d700020000200080001000000000108000200000000000c000300070001000000050024000100090001006d6574610000000014000200080002000000000f08000100000000012c00010008000100636d700020000200080001000000000108000200000000000c0003000500010002000000340001000c0001007061796c6f6164002400020008000100000000010800020000000001080003000000000c0800040000000004300001000b0001006c6f6f6b75700000200002000c0001006d656d626572730008000200000000010800050000000001300001000e000100696d6d6564696174650000001c0002000800010000000000100002000c0002000800010000000000`,
  elements: `${HEAD}0c0002006d656d626572730024000300100001000c00010008000100c0000202100001000c00010008000100c0000201`,
} as const;
const hex = (value: string): Buffer => Buffer.from(value, 'hex');
const answers = (): SenderAnswers => ({
  table: hex(SEEN.table),
  chains: [hex(SEEN.chain)],
  sets: [hex(SEEN.set)],
  rules: [hex(SEEN.rule)],
  others: [],
  elements: [hex(SEEN.elements)],
});
const decode = (other: Partial<SenderAnswers> = {}) => decodeSenders(sendersTable(LINK), { ...answers(), ...other });
const withMore = (payload: string, type: number): Buffer =>
  Buffer.concat([hex(payload), encodeAttributes([be32(type, 1)])]);

describe('what the kernel says of the filter', () => {
  it('is read as it was written, addresses sorted and each once', () => {
    assert.deepEqual(decode(), SENDERS);
    assert.deepEqual(decode({ elements: [hex(SEEN.elements), hex(SEEN.elements)] }), SENDERS);
    assert.deepEqual(decode({ elements: [] }), { ...SENDERS, from: [] });
  });

  it('says after which transaction it was so', () => {
    assert.equal(generationOf(hex(SEEN.table)), 2);
  });

  it('is the same where a later kernel says more, or another table has a chain', () => {
    const later = {
      table: withMore(SEEN.table, 60),
      chains: [withMore(SEEN.chain, 60), hex(SEEN.chain.replace('65746837', '65746838'))],
      sets: [withMore(SEEN.set, 60)],
      rules: [withMore(SEEN.rule, 60)],
    };
    assert.deepEqual(decode(later), SENDERS);
  });

  it('is altered where an object is missing or there is one more', () => {
    for (const kind of ['chains', 'sets', 'rules'] as const) {
      const [one] = answers()[kind];
      assert.ok(one);
      assert.equal(decode({ [kind]: [] }), 'altered');
      assert.equal(decode({ [kind]: [one, one] }), 'altered');
    }
    assert.equal(decode({ others: [Buffer.alloc(4)] }), 'altered');
  });

  it('is altered where an object has something that podwire does not give it', () => {
    // An owner; counters; a timeout; a comment; a table that is asleep.
    assert.equal(decode({ table: withMore(SEEN.table, 7) }), 'altered');
    assert.equal(decode({ chains: [withMore(SEEN.chain, 8)] }), 'altered');
    assert.equal(decode({ sets: [withMore(SEEN.set, 11)] }), 'altered');
    assert.equal(decode({ rules: [withMore(SEEN.rule, 7)] }), 'altered');
    assert.equal(decode({ table: hex(SEEN.table.replace('0800020000000000', '0800020000000001')) }), 'altered');
  });

  it('is altered whichever byte of the rule is another, but for those of the port and the VNI', () => {
    const rule = hex(SEEN.rule);
    // Padding is zero, and says nothing; the kernel's handle may be any.
    const handle = rule.indexOf(hex('0c000300'));
    const places = [...rule.keys()].filter((at) => at >= 4 && rule[at] !== 0 && (at < handle || at >= handle + 12));
    const same = places.filter((at) => {
      const other = Buffer.from(rule);
      other.writeUInt8(other.readUInt8(at) ^ 0x10, at);
      return typeof orMalformed(() => decode({ rules: [other] })) === 'object';
    });
    const port = rule.indexOf(hex('12b5'));
    assert.deepEqual(same, [port, port + 1, rule.indexOf(hex('0700010000000500')) + 6]);
  });
});

/** What is cut off is not of podwire either. */
function orMalformed<T>(work: () => T): T | 'malformed' {
  try {
    return work();
  } catch (error) {
    assert.equal((error as Error).name, 'MalformedNetlink');
    return 'malformed';
  }
}

describe('an object as it was written', () => {
  it('is so in another order, and not with another value, another type, more or less', () => {
    const written = [text(1, 'a'), be32(2, 7)];
    const seen = (...attributes: Parameters<typeof encodeAttributes>[0]): boolean =>
      isAsWritten(encodeAttributes(attributes), written);
    assert.ok(seen(be32(2, 7), text(1, 'a')));
    assert.ok(!seen(be32(2, 8), text(1, 'a')));
    assert.ok(!seen(be32(3, 7), text(1, 'a')));
    assert.ok(!seen(text(1, 'a')));
    assert.ok(!seen(text(1, 'a'), be32(2, 7), be32(2, 7)));
  });
});
