import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import { decodeAddress } from '../../../adapters/netlink/codec/address.ts';
import { attributeAt, decodeAnswer } from '../../../adapters/netlink/codec/answers.ts';
import { align, listAttributes } from '../../../adapters/netlink/codec/attributes.ts';
import { decodeLinkDetails } from '../../../adapters/netlink/codec/link-details.ts';
import { decodeLink } from '../../../adapters/netlink/codec/link.ts';
import { MalformedNetlink } from '../../../adapters/netlink/codec/malformed.ts';
import { decodeMessages, FLAG, NLMSG } from '../../../adapters/netlink/codec/messages.ts';
import { decodeNeighbour } from '../../../adapters/netlink/codec/neighbour.ts';
import { decodeRoute } from '../../../adapters/netlink/codec/route.ts';
import { decodeRule } from '../../../adapters/netlink/codec/rule.ts';
import { linkText } from '../../../adapters/netlink/print/link.ts';
import { KERNEL, REFUSED } from './captured.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

interface Family {
  readonly decode: (payload: Buffer) => unknown;
  readonly header: number;
  readonly valid: readonly Buffer[];
}

/** A link as people are shown it, which reads more of its message than anybody else. */
const writtenLink = (payload: Buffer): string =>
  linkText(
    { message: decodeLink(payload), details: decodeLinkDetails(payload) },
    { nameOf: (index) => `if${index}`, isDown: () => true },
    true,
  );

const FAMILIES: readonly Family[] = [
  { decode: decodeLink, header: 16, valid: Object.values(KERNEL.links).map(hex) },
  { decode: writtenLink, header: 16, valid: Object.values(KERNEL.links).map(hex) },
  { decode: decodeAddress, header: 8, valid: KERNEL.addresses.map(hex) },
  { decode: decodeRoute, header: 12, valid: KERNEL.routes.map(hex) },
  { decode: decodeRule, header: 12, valid: KERNEL.rules.map(hex) },
  { decode: decodeNeighbour, header: 12, valid: [...KERNEL.neighbours, ...KERNEL.fdb].map(hex) },
];

test('a message that is cut off anywhere but behind an attribute is malformed', () => {
  for (const { decode, header, valid } of FAMILIES)
    for (const payload of valid) {
      let end = header;
      const whole = new Set([header]);
      for (const { value } of listAttributes(payload.subarray(header))) {
        const length = 4 + value.length;
        for (let at = end + length; at <= end + align(length); at += 1) whole.add(at);
        end += align(length);
      }
      for (let length = 0; length < payload.length; length += 1) {
        const cut = payload.subarray(0, length);
        if (whole.has(length)) onlyMalformed(() => decode(cut));
        else assert.throws(() => decode(cut), MalformedNetlink, `${decode.name} of ${length} bytes`);
      }
    }
});

test('a next hop that is longer than what is left, or shorter than its header, is malformed', () => {
  const route = (length: number): Buffer => {
    const payload = hex(`${'02'.padEnd(24, '0')}0c000900${'00'.repeat(8)}`);
    payload.writeUInt16LE(length, 16);
    return payload;
  };
  assert.deepEqual(decodeRoute(route(8)).nexthops, [{ oif: 0, weight: 1 }]);
  for (const length of [0, 7, 9]) assert.throws(() => decodeRoute(route(length)), MalformedNetlink);
});

test('a prefix that is longer than its address or has none, and an address of another length than its family has, are malformed', () => {
  const destination = (family: string, prefix: string, address: string): Buffer =>
    hex(`${family}${prefix}${'0'.repeat(20)}${address}`);
  const four = '08000100c0000201';
  assert.equal(decodeRoute(destination('02', '20', four)).destination, '192.0.2.1/32');
  assert.throws(
    () => decodeRoute(destination('02', '21', four)),
    /^MalformedNetlink: netlink: a prefix of 33 of 4 bytes$/,
  );
  assert.throws(() => decodeRoute(destination('02', '01', '')), /a prefix of 1 without an address/);
  assert.throws(() => decodeRoute(destination('0a', '20', four)), /an address of 4 bytes in a message of family 10/);
  assert.throws(() => decodeAddress(hex('0218000002000000')), /neither IFA_LOCAL nor IFA_ADDRESS/);
});

/** @returns whether it was decoded. Any other error fails the test. */
function onlyMalformed(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof MalformedNetlink) return false;
    throw error;
  }
}

/** xorshift32. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const COUNT = 1_000_000;
const DECODERS: readonly ((bytes: Buffer) => unknown)[] = [
  ...FAMILIES.map(({ decode }) => decode),
  (bytes) => decodeMessages(bytes).map(decodeAnswer),
  (payload) => decodeAnswer({ type: NLMSG.ERROR, flags: FLAG.ACK_ATTRIBUTES, sequence: 0, port: 0, payload }),
  (bytes) => attributeAt(bytes, 16, bytes.length >> 1),
];
const VALID: readonly (readonly Buffer[])[] = [
  ...FAMILIES.map(({ valid }) => valid),
  [hex(REFUSED.shortMtu.answer), hex(REFUSED.largeVni.answer)],
  [hex(REFUSED.shortMtu.answer).subarray(16), hex(REFUSED.largeVni.answer).subarray(16)],
  [hex(REFUSED.shortMtu.request), hex(REFUSED.largeVni.request)],
];

test('a million buffers, random, of attributes at random and mutated, are decoded or malformed, never anything else', (t) => {
  const seed = randomInt(1, 2 ** 31);
  const below = generator(seed);
  const began = performance.now();
  const limit = Error.stackTraceLimit;
  // A stack for each of a million errors would take most of the time.
  Error.stackTraceLimit = 0;
  t.after(() => (Error.stackTraceLimit = limit));
  const scratch = Buffer.alloc(2048);
  const decoded = DECODERS.map(() => 0);
  for (let run = 0; run < COUNT; run += 1) {
    const at = run % DECODERS.length;
    const buffer = MAKERS[below(MAKERS.length)]?.(below, scratch, VALID[at] ?? []) ?? scratch;
    const decode = DECODERS[at];
    assert.ok(decode !== undefined);
    try {
      if (onlyMalformed(() => decode(buffer))) decoded[at] = (decoded[at] ?? 0) + 1;
    } catch (error) {
      assert.fail(`seed ${seed}, run ${run}, decoder ${at}: ${String(error)} of ${buffer.toString('hex')}`);
    }
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  t.diagnostic(`${COUNT} buffers in ${seconds} s, seed ${seed}; decoded: ${decoded.join(' ')}`);
  assert.ok(decoded.every((count) => count > COUNT / 1000));
});

type Make = (below: (limit: number) => number, scratch: Buffer, valid: readonly Buffer[]) => Buffer;

const random: Make = (below, scratch) => {
  const length = below(96);
  for (let at = 0; at < length; at += 4) scratch.writeUInt32LE(below(2 ** 32), at);
  return scratch.subarray(0, length);
};

/** Lengths that fit, of types that there are. */
const attributes: Make = (below, scratch) => {
  const headers = [8, 12, 16];
  let end = headers[below(headers.length)] ?? 0;
  for (let at = 0; at < end; at += 4) scratch.writeUInt32LE(below(2 ** 32), at);
  if (below(2) === 0) scratch.writeUInt16LE(below(2) === 0 ? 2 : 10, 0);
  for (let count = below(6); count > 0; count -= 1) {
    const sizes = [0, 1, 2, 4, 4, 8, 16, below(40)];
    const size = sizes[below(sizes.length)] ?? 0;
    scratch.writeUInt16LE(4 + size, end);
    scratch.writeUInt16LE(below(64) | (below(4) === 0 ? 0x8000 : 0), end + 2);
    for (let at = 0; at < size; at += 1) scratch[end + 4 + at] = below(below(2) === 0 ? 32 : 256);
    end += align(4 + size);
  }
  return scratch.subarray(0, end);
};

const mutated: Make = (below, scratch, valid) => {
  const original = valid[below(valid.length)];
  assert.ok(original !== undefined);
  original.copy(scratch);
  for (let count = 1 + below(3); count > 0; count -= 1) scratch[below(original.length)] = below(256);
  return scratch.subarray(0, below(4) === 0 ? below(original.length) : original.length);
};

const MAKERS: readonly Make[] = [random, attributes, mutated];
