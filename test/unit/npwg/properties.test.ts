import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { npwgReferences } from '../../../domain/npwg/references.ts';
import { asCni, asElement, parse } from './parsing.ts';

/** Any text, any JSON, and texts made of the dialect's own pieces, which reach further into the parser. */
const key = fc.constantFrom(
  ...['name', 'namespace', 'interface', 'ips', 'mac', 'infiniband-guid', 'bandwidth', 'portMappings', 'cni-args'],
  ...[
    'default-route',
    'ipam-claim-reference',
    'Name',
    'IPS',
    'constructor',
    'toString',
    '__proto__',
    'x.y',
    'hostPort',
  ],
);
const leaf = fc.oneof(
  fc.constantFrom(
    'a',
    'blue',
    'red',
    'x1',
    'eth0',
    '10.0.0.1',
    '10.0.0.1/24',
    'fe80::1',
    '02:00:00:00:00:01',
    '',
    '..',
  ),
  fc.constantFrom(1, 80, 65_536, -1, 1.5, true, null),
);
const some = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(key, leaf, { maxKeys: 3 }));
const element = fc.oneof(
  fc.dictionary(key, some, { maxKeys: 6 }).map((fields) => ({ name: 'a', ...fields })),
  fc.dictionary(key, some, { maxKeys: 6 }),
  leaf,
);
const piece = fc.constantFrom(
  'a',
  'b',
  'blue/',
  '@x',
  '@',
  '/',
  ',',
  ',',
  ' ',
  '\n',
  '[',
  '{"name":"a"}',
  '\u0000',
  'é',
);
const text = fc.oneof(
  fc.array(element, { maxLength: 6 }).map((list) => JSON.stringify(list)),
  fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

const byte = fc.integer({ min: 0, max: 255 }).map((value) => value.toString(16).padStart(2, '0'));
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const burst = fc.integer({ min: 1, max: 1e9 });
/** A network that is right by itself and beside any other of its index. */
const goodElement = (index: number) =>
  fc
    .record({
      namespace: optional(fc.constant('blue')),
      interface: optional(fc.constant(`if${index}`)),
      ips: optional(fc.uniqueArray(fc.integer({ min: 1, max: 250 }), { minLength: 1, maxLength: 3 })),
      mac: optional(fc.array(byte, { minLength: 5, maxLength: 5 })),
      guid: optional(fc.array(byte, { minLength: 7, maxLength: 7 })),
      bandwidth: optional(fc.record({ ingressRate: burst, ingressBurst: burst })),
      ports: optional(fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 3 })),
      args: optional(fc.constantFrom({ k: 1 }, { k: { l: ['x', null] } })),
    })
    .map(({ ips, mac, guid, ports, args, ...rest }) => ({
      name: `net${index}`,
      ...rest,
      ...(ips === undefined ? {} : { ips: ips.map((host) => `10.${index}.0.${host}/24`) }),
      ...(mac === undefined ? {} : { mac: ['02', ...mac].join(':') }),
      ...(guid === undefined ? {} : { 'infiniband-guid': ['01', ...guid].join(':') }),
      ...(ports === undefined ? {} : { portMappings: ports.map((port) => ({ hostPort: port, containerPort: 80 })) }),
      ...(args === undefined ? {} : { 'cni-args': args }),
    }));
const goodElements = fc
  .integer({ min: 1, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => goodElement(index))));
const badElement = fc.constantFrom<unknown>(
  null,
  1,
  [],
  {},
  { name: 'Bad' },
  { name: 'bad', ips: [] },
  { name: 'bad', mac: 1 },
  { name: 'bad', namespace: 'red' },
  { name: 'bad', interface: 'eth0' },
  { name: 'bad', colour: 'red' },
  { name: 'bad', IPs: ['10.0.0.1'] },
);

describe('for any text, the NPWG parser', () => {
  it('gives a result, the same one each time, with printable and bounded messages', () => {
    fc.assert(
      fc.property(text, text, text, (annotation, npwgStatus, publishedStatus) => {
        const run = () => parse(annotation, { pod: { npwgStatus, publishedStatus } });
        const first = run();
        assert.deepEqual(run(), first);
        npwgReferences(annotation, 'blue');
        for (const problem of first.problems) {
          assert.match(problem.message, /^[\x20-\x7e\u2026]+$/);
          assert.ok(problem.message.length < 2_000, problem.message);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('never lets something through that a plugin or the kernel would misunderstand', () => {
    fc.assert(
      fc.property(text, (annotation) => {
        const interfaces = new Set<string>();
        for (const selection of parse(annotation).selections) {
          const { network, cni } = asCni(selection);
          assert.match(network.name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
          assert.equal(network.scope, 'blue');
          assert.match(cni.interfaceName, /^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,14})?$/);
          assert.ok(!['eth0', 'lo', 'all', 'default'].includes(cni.interfaceName));
          assert.ok(cni.interfaceName === '' || !interfaces.has(cni.interfaceName));
          interfaces.add(cni.interfaceName);
          const { ips = [], mac = '02:00:00:00:00:00' } = cni.capabilityArgs;
          assert.match(mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
          for (const ip of ips) assert.equal((ipCodec.cidr(ip) ?? ipCodec.address(ip))?.canonical, ip);
          for (const gateway of cni.defaultRoute) assert.equal(ipCodec.address(gateway)?.canonical, gateway);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('is done in time with megabytes of it', () => {
    const startedAt = performance.now();
    for (const unit of ['a', ',', '[', '{', '[{"name":"a"},', '"', '\\', ' ', '@', '/', '\ud83d\ude00']) {
      for (const repeated of [1_000_000, 1_000]) {
        const long = unit.repeat(Math.floor(repeated / unit.length));
        parse(long, { pod: { npwgStatus: long, publishedStatus: long } });
        npwgReferences(long, 'blue');
      }
    }
    assert.ok(performance.now() - startedAt < 5_000);
  });
});

describe('for networks that are right, the NPWG parser', () => {
  it('reads the same from its own result written as an annotation', () => {
    fc.assert(
      fc.property(goodElements, (elements) => {
        const first = parse(JSON.stringify(elements));
        assert.deepEqual(first.problems, []);
        assert.equal(first.selections.length, elements.length);
        const second = parse(JSON.stringify(first.selections.map(asElement)));
        assert.deepEqual(second.problems, []);
        assert.deepEqual(second.selections, first.selections);
      }),
      { numRuns: 300 },
    );
  });

  it('lets a bad entry beside them change nothing, and gives nothing for it', () => {
    fc.assert(
      fc.property(goodElements, badElement, fc.nat(), (elements, bad, at) => {
        const place = at % (elements.length + 1);
        const mixed: unknown[] = [...elements.slice(0, place), bad, ...elements.slice(place)];
        const parsed = parse(JSON.stringify(mixed));
        assert.equal(parsed.problems.length, 1);
        const alone = parse(JSON.stringify(elements)).selections.map(asCni);
        // Its own place counts, so that the others have the same one when it is right.
        const moved = alone.map((one) => ({
          ...one,
          position: (one.position ?? 0) + ((one.position ?? 0) > place ? 1 : 0),
        }));
        assert.deepEqual(parsed.selections, moved);
      }),
      { numRuns: 300 },
    );
  });
});
