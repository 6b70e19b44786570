/** Forwarding entries and neighbours as messages without the link's index. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fdbBatch, neighbourBatch } from '../../../adapters/netlink/forwarding-batch.ts';
import { decodeMessages, FLAG } from '../../../adapters/netlink/codec/messages.ts';
import { decodeNeighbour, RTM_NEIGHBOUR } from '../../../adapters/netlink/codec/neighbour.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { FLOOD_MAC, type FdbEntry } from '../../../domain/forwarding/fdb.ts';

const macs = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
const four = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 }).map((bytes) => bytes.join('.'));
const six = fc.integer({ min: 1, max: 0xffff }).map((last) => `fd00:1::${last.toString(16)}`);
const entries: fc.Arbitrary<FdbEntry> = fc
  .record(
    {
      mac: macs,
      destination: fc.oneof(four, six),
      port: fc.integer({ min: 1, max: 65535 }),
      vni: fc.integer({ min: 0, max: 16777215 }),
    },
    { requiredKeys: ['mac', 'destination'] },
  )
  // As they come: fast-check's have no prototype at times.
  .map((entry) => ({ ...entry }));

const readBack = (messages: Uint8Array): FdbEntry[] =>
  decodeMessages(Buffer.from(messages)).map(({ payload }) => {
    const { mac = '', destination, port, vni } = decodeNeighbour(payload);
    return { mac, destination, ...(port === undefined ? {} : { port }), ...(vni === undefined ? {} : { vni }) };
  });

describe('a batch of forwarding entries', () => {
  test('holds every entry as it was given, whatever it has', () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 20 }), (add) => {
        assert.deepEqual(readBack(fdbBatch({ add, remove: [] }).messages), add);
        // The second time each is known already.
        assert.deepEqual(readBack(fdbBatch({ add: [], remove: add }).messages), add);
      }),
    );
  });

  test('adds first, appends to the flooding MAC, replaces the one destination of others, and deletes', () => {
    const flood = { mac: FLOOD_MAC, destination: '10.0.0.1' };
    const one = { mac: '02:00:00:00:00:01', destination: '10.0.0.2' };
    const { messages } = fdbBatch({ add: [flood, one], remove: [flood] });
    assert.deepEqual(
      decodeMessages(Buffer.from(messages)).map(({ type, flags }) => [type, flags]),
      [
        [RTM_NEIGHBOUR.NEW, FLAG.REQUEST | FLAG.CREATE | FLAG.APPEND],
        [RTM_NEIGHBOUR.NEW, FLAG.REQUEST | FLAG.CREATE | FLAG.REPLACE],
        [RTM_NEIGHBOUR.DELETE, FLAG.REQUEST],
      ],
    );
  });

  test('says where the index of a link belongs that is only known by its name', () => {
    const { messages, vias } = fdbBatch({
      add: [{ mac: FLOOD_MAC, destination: '10.0.0.1' }],
      remove: [{ mac: FLOOD_MAC, destination: '10.0.0.1', port: 4790, via: 'eth0' }],
    });
    const packed = Buffer.from(messages);
    assert.equal(vias.length, 1);
    for (const { at, link } of vias) packed.writeUInt32LE(link === 'eth0' ? 77 : 0, at);
    const [, deleted] = decodeMessages(packed);
    assert.ok(deleted);
    assert.equal(decodeNeighbour(deleted.payload).viaIndex, 77);
  });

  test('refuses what is no entry', () => {
    const bad: FdbEntry[] = [
      { mac: '02:00:00:00:00', destination: '10.0.0.1' },
      { mac: FLOOD_MAC, destination: '10.0.0.01' },
      { mac: FLOOD_MAC, destination: 'fe80::1%eth0' },
      { mac: FLOOD_MAC, destination: undefined },
      { mac: FLOOD_MAC, destination: '10.0.0.1', port: 0 },
      { mac: FLOOD_MAC, destination: '10.0.0.1', via: '-x' },
    ];
    for (const entry of bad)
      assert.throws(
        () => fdbBatch({ add: [entry], remove: [] }),
        (error: unknown) => error instanceof PodwireError && error.code === 'InvalidLink',
        JSON.stringify(entry),
      );
  });
});

test('neighbours carry their address, MAC and mark', () => {
  const set = [
    { address: '10.0.0.1', mac: '02:00:00:00:00:01' },
    { address: 'fd00::1', mac: '02:00:00:00:00:02' },
  ];
  const decoded = decodeMessages(Buffer.from(neighbourBatch({ set, remove: [] }).messages)).map(({ payload }) =>
    decodeNeighbour(payload),
  );
  assert.deepEqual(
    decoded.map(({ destination, mac, protocol }) => [destination, mac, protocol]),
    [
      ['10.0.0.1', '02:00:00:00:00:01', 230],
      ['fd00::1', '02:00:00:00:00:02', 230],
    ],
  );
});
