import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';

describe('the IP codec', () => {
  it('refuses every spelling but dotted quads and RFC 4291 forms', () => {
    const refused = [
      ...[
        '',
        ' ',
        '1',
        '0x7f.1',
        '127.1',
        '1.2.3',
        '1.2.3.4.5',
        '1.2.3.256',
        '01.2.3.4',
        '1.2.3.04',
        '0x1.2.3.4',
        ' 1.2.3.4',
      ],
      ...[
        '1.2.3.4 ',
        '1.2.3.4\n',
        '１.2.3.4',
        '+1.2.3.4',
        '1.2.3.4/24',
        ':',
        ':::',
        '1::2::3',
        '1:2:3:4:5:6:7',
        'g::',
        '12345::',
      ],
      ...[
        'fe80::1%eth0',
        'fe80::1%25eth0',
        '::ffff:1.2.3.4',
        '::1.2.3.4',
        '::FFFF:102:304',
        '[::1]',
        '1:2:3:4:5:6:7:8:9',
        '::1.2.3',
        'localhost',
      ],
    ];
    for (const text of refused) assert.equal(ipCodec.address(text), undefined, text);
  });

  it('refuses prefix lengths that are none', () => {
    for (const text of [
      '1.2.3.4',
      '1.2.3.4/',
      '1.2.3.4/33',
      '1.2.3.4/024',
      '1.2.3.4/-1',
      '1.2.3.4/2.0',
      '1.2.3.4/8/8',
      '::/129',
      '/8',
    ])
      assert.equal(ipCodec.cidr(text), undefined, text);
  });

  it('writes addresses canonically', () => {
    assert.deepEqual(ipCodec.address('1.2.3.4'), { family: 4, canonical: '1.2.3.4' });
    const six = [
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ] as const;
    for (const [text, canonical] of six) assert.deepEqual(ipCodec.address(text), { family: 6, canonical });
  });

  it('agrees with the URL standard about the canonical text of any IPv6 address', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 }),
        (groups) => {
          fc.pre(groups.slice(0, 5).some((group) => group !== 0));
          const text = groups.map((group) => group.toString(16)).join(':');
          assert.equal(`[${ipCodec.address(text)?.canonical}]`, new URL(`http://[${text}]/`).hostname);
        },
      ),
    );
  });

  it('keeps host bits in a CIDR and clears them in its network', () => {
    assert.deepEqual(ipCodec.cidr('10.9.8.7/21'), {
      family: 4,
      address: '10.9.8.7',
      prefix: 21,
      canonical: '10.9.8.7/21',
    });
    const networks = [
      ['10.9.15.7/21', '10.9.8.0/21'],
      ['10.9.15.7/0', '0.0.0.0/0'],
      ['10.9.15.7/32', '10.9.15.7/32'],
      ['255.255.255.255/1', '128.0.0.0/1'],
      ['2001:db8:ffff:ffff::1/47', '2001:db8:fffe::/47'],
      ['2001:db8::1/128', '2001:db8::1/128'],
    ] as const;
    for (const [text, network] of networks) assert.equal(ipCodec.network(text)?.canonical, network, text);
    assert.equal(ipCodec.network('10.0.0.1'), undefined);
  });

  it('says what kind of address it is', () => {
    const kinds = [
      ['8.8.8.8', 'unicast'],
      ['224.0.0.1', 'multicast'],
      ['127.0.0.1', 'loopback'],
      ['169.254.1.1', 'linkLocal'],
      ['0.0.0.0', 'unspecified'],
      ['255.255.255.255', 'broadcast'],
      ['ff02::1', 'multicast'],
      ['::1', 'loopback'],
      ['::', 'unspecified'],
      ['fe80::1', 'linkLocal'],
      ['nonsense', 'invalid'],
    ] as const;
    for (const [text, kind] of kinds) assert.equal(ipCodec.range(text), kind, text);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[0-9a-f:./%[\]]{0,50}$/)), (text) => {
        ipCodec.address(text);
        ipCodec.cidr(text);
        ipCodec.network(text);
        ipCodec.range(text);
      }),
      { numRuns: 2000 },
    );
  });
});
