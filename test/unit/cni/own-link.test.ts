import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findOwnLink, type MadeLink } from '../../../domain/cni/own-link.ts';
import type { LinkView } from '../../../domain/vxlan/link-observation.ts';
import { greenLink, wiredLink } from '../sweep/some-node.ts';

const nic = wiredLink({ name: '16477688c0e-nic', mac: '02:aa:aa:aa:aa:aa', cidrs: [] });
const standIn = wiredLink({ ifindex: 9, kind: 'dummy' });

/** Indexes. */
function found(links: readonly LinkView[], made: MadeLink | undefined): (number | undefined)[] {
  const { own, other } = findOwnLink(links, 'net1', made);
  return [own?.ifindex, other?.ifindex];
}

describe("an attachment's link", () => {
  test('is known by its index, whatever its name and its MAC', () => {
    assert.deepEqual(found([nic], { ifindex: 6 }), [6, undefined]);
    assert.deepEqual(found([standIn, nic], { ifindex: 6 }), [6, 9]);
    assert.deepEqual(found([standIn], { ifindex: 6 }), [undefined, 9]);
    assert.deepEqual(found([wiredLink()], { ifindex: 6 }), [6, undefined]);
  });

  test('is known by its other end when its index is another one, and is no other link that has its index', () => {
    const made = { ifindex: 6, hostIfindex: 40 };
    assert.deepEqual(found([{ ...nic, peerIfindex: 40 }], made), [6, undefined]);
    assert.deepEqual(found([{ ...nic, ifindex: 7, peerIfindex: 40 }, standIn], made), [7, 9]);
    assert.deepEqual(found([{ ...nic, peerIfindex: 41 }, nic], made), [undefined, undefined]);
    // The same index in two other namespaces.
    const both = [
      { ...nic, ifindex: 5, peerIfindex: 40 },
      { ...nic, peerIfindex: 40 },
    ];
    assert.deepEqual(found(both, made), [6, undefined]);
  });

  test("is the link of its name where nobody knows its index, unless that is one of podwire's own", () => {
    assert.deepEqual(found([standIn, nic], undefined), [9, undefined]);
    assert.deepEqual(found([greenLink({ name: 'net1' })], undefined), [undefined, 5]);
    assert.deepEqual(found([nic], undefined), [undefined, undefined]);
  });
});
