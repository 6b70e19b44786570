import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { parseConfigMap } from '../../../domain/openvnf/config-map.ts';
import { desiredInputs } from '../../../domain/desired-inputs.ts';
import { around, asAnnotation, parse, podWith, settings, vxlan } from './parsing.ts';

const RUNS = { numRuns: 300 };

/** Any text, and text made of the dialect's own pieces, which reaches further into the parser. */
const piece = fc.constantFrom(
  ...[
    'vxeth0',
    'a',
    'b',
    'id',
    'up',
    'ip',
    'route',
    'mtu',
    'dstport',
    'name',
    'dev',
    'type',
    'peers',
    '__proto__',
    'eth0',
  ],
  ...[
    '=',
    '=',
    ' ',
    ' ',
    '\n',
    '\n  ',
    '\t',
    '\r\n',
    ',',
    ';',
    ':',
    '::',
    '/',
    '[',
    ']',
    '%',
    '.',
    '\u0000',
    '\u202e',
    '\ud800',
    'é',
  ],
  ...['1', '100', '16777216', 'true', 'false', '10.0.0.1', '10.0.0.1/24', 'fe80::1', '2001:db8::/64', 'default'],
);
const text = fc.oneof(
  fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
);
const configMap = fc.oneof(
  fc.constant('absent' as const),
  fc.constant('unreadable' as const),
  fc.dictionary(fc.oneof(piece, text), text, { maxKeys: 6 }),
);

/** A network that is right by itself and beside any other of its index. */
const goodNetwork = (index: number) =>
  fc
    .record({
      up: fc.boolean(),
      port: fc.constantFrom(8472, 4789),
      mtu: fc.option(fc.integer({ min: 1280, max: 9000 })),
      hosts: fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { maxLength: 4 }),
      six: fc.boolean(),
      routes: fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: 4 }),
      peers: fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { maxLength: 3 }),
    })
    .map(({ up, port, mtu, hosts, six, routes, peers }) =>
      [
        `net${index} id=${index + 1} dstport=${port} up=${String(up)}`,
        ...(mtu === null ? [] : [`  mtu=${mtu}`]),
        ...hosts.map((host) => `  ip=10.${index}.0.${host}/24`),
        ...(six ? [`  ip=2001:db8:${index}::1/64 route=2001:db8:f${index}::/64:2001:db8:${index}::2`] : []),
        ...routes.map((subnet) => `  route=172.${index}.${subnet}.0/24:10.${index}.0.254`),
        ...peers.map((peer) => `  peer=192.168.${index}.${peer}`),
      ].join('\n'),
    );
const goodNetworks = fc
  .integer({ min: 1, max: 6 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => goodNetwork(index))));
const badNetwork = fc.constantFrom(
  'bad',
  'bad id=999 up=no',
  'bad id=999 colour=red',
  'bad id=999 ip=10.0.0.0/24',
  'bad id=999, up',
  'Bad id=999',
  'net0 id=1',
  'bad id=1 dstport=0',
  'bad\n  \u0000\n\tid=999',
);

describe('for any text, the openvnf parser', () => {
  it('gives a result, the same one each time, with printable and bounded messages', () => {
    fc.assert(
      fc.property(text, configMap, (annotation, data) => {
        const inputs = () => desiredInputs(podWith(annotation), around(data), settings, ipCodec);
        const first = inputs();
        assert.deepEqual(inputs(), first);
        for (const problem of [...first.parsed.problems, ...first.parsed.warnings]) {
          assert.match(problem.message, /^[\x20-\x7e\u2026]+$/);
          assert.ok(problem.message.length < 2000, problem.message);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('never lets something through that the kernel would misunderstand', () => {
    fc.assert(
      fc.property(text, configMap, (annotation, data) => {
        for (const { link, network } of parse(annotation, data).selections.map(vxlan)) {
          assert.match(network.name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
          assert.match(link.interfaceName, /^[a-z][a-z0-9._-]{0,14}$/);
          assert.notEqual(link.interfaceName, link.parent);
          assert.ok(Number.isInteger(link.vni) && link.vni >= 1 && link.vni < 2 ** 24);
          for (const address of link.addresses) assert.equal(ipCodec.cidr(address)?.canonical, address);
          for (const route of link.routes)
            assert.equal(ipCodec.network(route.destination)?.canonical, route.destination);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is done in time with megabytes of it', () => {
    const startedAt = performance.now();
    for (const unit of ['a', ',', '\n ', 'a=', 'a\n', '\u00a0', ':', 'a id=1 route=', '[', '\ud83d\ude00']) {
      const huge = unit.repeat(1_000_000);
      assert.deepEqual(parse(huge).selections, []);
      parse(unit.repeat(Math.floor(8000 / unit.length)));
      parse('a', { a: huge, [huge]: '1' });
    }
    assert.ok(performance.now() - startedAt < 10_000);
  });
});

describe('for networks that are right, the openvnf parser', () => {
  it('reads the same from its own result written as an annotation', () => {
    fc.assert(
      fc.property(goodNetworks, (networks) => {
        const first = parse(networks.join('\n'));
        assert.deepEqual(first.problems, []);
        const second = parse(first.selections.map(asAnnotation).join('\n'));
        assert.deepEqual(second.problems, []);
        assert.deepEqual(second.selections, first.selections);
      }),
      RUNS,
    );
  });

  it('lets a bad network beside them change nothing', () => {
    fc.assert(
      fc.property(goodNetworks, badNetwork, fc.nat(), (networks, bad, at) => {
        const place = bad.startsWith('net0') ? networks.length : at % (networks.length + 1);
        const mixed = [...networks.slice(0, place), bad, ...networks.slice(place)];
        const parsed = parse(mixed.join('\n'));
        assert.notEqual(parsed.problems.length, 0);
        assert.deepEqual(parsed.selections, parse(networks.join('\n')).selections);
      }),
      RUNS,
    );
  });

  it('lets a bad entry in the ConfigMap change nothing', () => {
    fc.assert(
      fc.property(goodNetworks, text, text, (networks, key, value) => {
        fc.pre(!/^net\d$/.test(key));
        const broken = { [key]: `${value} up=no` };
        fc.pre(parseConfigMap(broken, ipCodec).identities.size === 0);
        assert.deepEqual(parse(networks.join('\n'), broken).selections, parse(networks.join('\n')).selections);
      }),
      RUNS,
    );
  });

  it('reads the same from one line with spaces, indented lines and Windows lines', () => {
    fc.assert(
      fc.property(goodNetworks, (networks) => {
        const expected = parse(networks.join('\n')).selections;
        const inline = networks.map((network) => network.replaceAll('\n', ' ')).join(' , ');
        assert.deepEqual(parse(inline).selections, expected);
        assert.deepEqual(
          parse(networks.join('\n').replaceAll('\n', '\r\n').replaceAll('  ', '\t')).selections,
          expected,
        );
      }),
      RUNS,
    );
  });

  it('does not depend on the order of keys in the ConfigMap', () => {
    fc.assert(
      fc.property(
        text,
        fc.dictionary(fc.oneof(piece, text), text, { maxKeys: 8 }),
        fc.infiniteStream(fc.nat()),
        (annotation, data, order) => {
          const shuffled = Object.entries(data)
            .map((entry) => ({ entry, rank: Number(order.next().value) }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ entry }) => entry);
          assert.deepEqual(parse(annotation, Object.fromEntries(shuffled)), parse(annotation, data));
        },
      ),
      RUNS,
    );
  });
});
