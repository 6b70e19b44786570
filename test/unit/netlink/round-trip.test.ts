import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { decodeAddress, encodeAddress } from '../../../adapters/netlink/codec/address.ts';
import {
  bytes,
  encodeAttributes,
  flag,
  listAttributes,
  nested,
  text,
} from '../../../adapters/netlink/codec/attributes.ts';
import { u32, type Attribute } from '../../../adapters/netlink/codec/attributes.ts';
import { decodeLink, encodeLink, IFLA, vxlanInfo } from '../../../adapters/netlink/codec/link.ts';
import { decodeMessages, encodeMessage } from '../../../adapters/netlink/codec/messages.ts';
import { decodeNeighbour, encodeNeighbour } from '../../../adapters/netlink/codec/neighbour.ts';
import { decodeRoute, encodeRoute } from '../../../adapters/netlink/codec/route.ts';
import { decodeRule, encodeRule } from '../../../adapters/netlink/codec/rule.ts';
import { ipBytes, ipText, macBytes, macText } from '../../../adapters/netlink/codec/values.ts';

const u8s = fc.nat(0xff);
const u16s = fc.nat(0xffff);
const u32s = fc.nat(0xffffffff);
const indexes = fc.integer({ min: 1, max: 0x7fffffff });
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const canonical = (value: Uint8Array): string => {
  const address = ipaddr.fromByteArray([...value]);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
};
const addresses = { 4: octets(4).map(canonical), 6: octets(16).map(canonical) } as const;
const families = fc.constantFrom<(4 | 6)[]>(4, 6);
const macs = octets(6).map(macText);
const names = fc.stringMatching(/^[a-z][a-z0-9._-]{0,14}$/);
/** Every field may be missing; what is missing is not there as undefined either. */
const some = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<Partial<T>>;
const prefixes = (family: 4 | 6, min = 0) =>
  fc.record({ address: addresses[family], prefix: fc.integer({ min, max: family === 4 ? 32 : 128 }) });
const everywhere = { 4: '0.0.0.0/0', 6: '::/0' } as const;

test('MAC and IP texts come back as they were', () => {
  fc.assert(fc.property(macs, (mac) => assert.equal(macText(macBytes(mac)), mac)));
  const any = fc.oneof(addresses[4], addresses[6]);
  fc.assert(fc.property(any, (address) => assert.equal(ipText(ipBytes(address)), address)));
});

test('what is no MAC, no address, no address of the family or no prefix of it is refused with a RangeError', () => {
  for (const mac of ['', '02:00:00:00:00', '02:00:00:00:00:0g', '02-00-00-00-00-01', '02:00:00:00:00:01:02'])
    assert.throws(() => macBytes(mac), RangeError, mac);
  for (const address of ['', '1', '1.2.3', '010.0.0.1', 'fe80::1%eth0', '1.2.3.4/8', 'localhost'])
    assert.throws(() => ipBytes(address), RangeError, address);
  const address = { index: 1, address: '192.0.2.1' };
  assert.throws(() => encodeAddress({ ...address, family: 6, prefix: 64 }), RangeError);
  assert.throws(() => encodeAddress({ ...address, family: 4, prefix: 33 }), RangeError);
  assert.throws(() => encodeNeighbour({ family: 10, index: 1, destination: '192.0.2.1' }), RangeError);
  assert.throws(() => encodeNeighbour({ family: 2, index: 1, protocol: 256 }), RangeError);
  assert.throws(() => encodeRoute({ family: 4, destination: { address: '::', prefix: 1 } }), RangeError);
});

test('attributes within attributes come back in their order', () => {
  const { tree } = fc.letrec<{ tree: Attribute[]; one: Attribute }>((tie) => ({
    one: fc.oneof(
      { maxDepth: 3 },
      fc.tuple(fc.nat(0x3fff), fc.uint8Array({ maxLength: 9 })).map(([type, value]) => bytes(type, value)),
      fc.nat(0x3fff).map(flag),
      fc.tuple(fc.nat(0x3fff), tie('tree')).map(([type, value]) => nested(type, value)),
    ),
    tree: fc.array(tie('one'), { maxLength: 4 }),
  }));
  const same = (given: readonly Attribute[], encoded: Buffer): void => {
    const list = listAttributes(encoded);
    assert.equal(list.length, given.length);
    for (const [at, { type, value }] of given.entries()) {
      const found = list[at];
      assert.ok(found !== undefined);
      assert.equal(found.type, type);
      if (value instanceof Uint8Array) assert.deepEqual([...found.value], [...value]);
      else same(value, found.value);
    }
  };
  fc.assert(fc.property(tree, (given) => same(given, encodeAttributes(given))));
});

test('messages of one datagram come back with their padding gone', () => {
  const message = fc.record({ type: u16s, flags: u16s, sequence: u32s, payload: fc.uint8Array({ maxLength: 21 }) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (given) => {
      const messages = given.map((one) => ({ ...one, payload: Buffer.from(one.payload) }));
      const read = decodeMessages(Buffer.concat(messages.map(encodeMessage)));
      assert.deepEqual(
        read,
        messages.map((one) => ({ ...one, port: 0 })),
      );
    }),
  );
});

test('a link that is encoded is read back', () => {
  const links = fc.record({ index: indexes, flags: u32s, name: names, mtu: u32s, mac: macs, alias: fc.string() });
  fc.assert(
    fc.property(links, ({ index, flags, name, mtu, mac, alias }) => {
      fc.pre(!alias.includes('\0'));
      const attributes = [
        ...[text(IFLA.IFNAME, name), u32(IFLA.MTU, mtu), bytes(IFLA.ADDRESS, macBytes(mac))],
        text(IFLA.IFALIAS, alias),
      ];
      assert.deepEqual(decodeLink(encodeLink({ index, flags, attributes })), {
        ...{ family: 0, index, name, flags, up: flags % 2 === 1, type: 0, mtu, mac, alias, altNames: [] },
      });
    }),
  );
});

test('a VXLAN device that is encoded is read back', () => {
  const always = fc.record({ vni: fc.nat(0xffffff), dstPort: u16s, learning: fc.boolean() }, { noNullPrototype: true });
  const sometimes = some({
    srcPorts: fc.record({ first: u16s, last: u16s }, { noNullPrototype: true }),
    linkIndex: indexes,
    local: fc.oneof(addresses[4], addresses[6]),
  });
  fc.assert(
    fc.property(always, sometimes, (device, more) => {
      const { kind, vxlan } = decodeLink(encodeLink({ attributes: [vxlanInfo({ ...device, ...more })] }));
      assert.equal(kind, 'vxlan');
      assert.ok(vxlan !== undefined);
      const { vni, dstPort, learning, srcPorts, linkIndex, local, local6 } = vxlan;
      assert.deepEqual({ vni, dstPort, learning }, device);
      assert.deepEqual(srcPorts && { first: srcPorts.low, last: srcPorts.high }, more.srcPorts);
      assert.equal(linkIndex, more.linkIndex);
      assert.equal(more.local?.includes(':') === true ? local6 : local, more.local);
      assert.ok(local === undefined || local6 === undefined);
    }),
  );
});

test('an address that is encoded is read back', () => {
  const given = families.chain((family) =>
    fc.tuple(fc.constant(family), prefixes(family), indexes, some({ scope: u8s, flags: u32s })),
  );
  fc.assert(
    fc.property(given, ([family, { address, prefix }, index, more]) => {
      assert.deepEqual(decodeAddress(encodeAddress({ family, address, prefix, index, ...more })), {
        ...{ family, address, prefix, index, scope: 0, flags: 0, ...more },
      });
    }),
  );
});

test('a route that is encoded is read back, whatever the family of its gateway', () => {
  const given = families.chain((family) =>
    fc.tuple(
      fc.constant(family),
      some({
        destination: prefixes(family, 1),
        gateway: fc.oneof(addresses[4], addresses[6]),
        oif: indexes,
        table: u32s,
        protocol: u8s,
        scope: u8s,
        type: u8s,
        priority: u32s,
      }),
    ),
  );
  fc.assert(
    fc.property(given, ([family, asked]) => {
      const { destination, gateway, ...others } = asked;
      const read = decodeRoute(encodeRoute({ family, ...asked }));
      const ofGateway = gateway?.includes(':') === true ? 6 : 4;
      const way =
        gateway === undefined
          ? {}
          : ofGateway === family
            ? { gateway }
            : { via: { family: ofGateway, address: gateway } };
      assert.deepEqual(read, {
        ...{ family, table: 254, protocol: 3, type: 1, flags: 0, nexthops: [] },
        scope: family === 4 && gateway === undefined ? 253 : 0,
        destination: destination === undefined ? everywhere[family] : `${destination.address}/${destination.prefix}`,
        ...others,
        ...way,
      });
    }),
  );
});

test('a rule that is encoded is read back', () => {
  const given = families.chain((family) =>
    fc.tuple(
      fc.constant(family),
      some({
        source: prefixes(family),
        destination: prefixes(family),
        ...{ iif: names, oif: names, table: u32s, priority: u32s, fwmark: u32s, action: u8s },
        suppressPrefixLength: fc.nat(128),
      }),
    ),
  );
  fc.assert(
    fc.property(given, ([family, asked]) => {
      const { source, destination, ...others } = asked;
      assert.deepEqual(decodeRule(encodeRule({ family, ...asked })), {
        ...{ family, table: 0, priority: 0, action: 1, flags: 0, ...others },
        ...(source === undefined ? {} : { source: `${source.address}/${source.prefix}` }),
        ...(destination === undefined ? {} : { destination: `${destination.address}/${destination.prefix}` }),
      });
    }),
  );
});

test('a neighbour that is encoded is read back', () => {
  const given = fc.constantFrom<(2 | 10 | 7)[]>(2, 10, 7).chain((family) =>
    fc.tuple(
      fc.constant(family),
      indexes,
      some({
        ...{ state: u16s, flags: u8s, type: u8s, mac: macs, port: u16s, vni: u32s, viaIndex: indexes },
        destination: family === 2 ? addresses[4] : family === 10 ? addresses[6] : fc.oneof(addresses[4], addresses[6]),
        ...{ protocol: u8s, masterIndex: indexes },
      }),
    ),
  );
  fc.assert(
    fc.property(given, ([family, index, more]) => {
      assert.deepEqual(decodeNeighbour(encodeNeighbour({ family, index, ...more })), {
        ...{ family, index, state: 0, flags: 0, type: 0, ...more },
      });
    }),
  );
});
