/** A membership that may lack members, as after podwire's etcd was lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { membershipOf } from '../../../activities/network/forwarding/desired-forwarding.ts';
import { changeOf, DesiredDevice, type Device } from '../../../activities/network/forwarding/known-forwarding.ts';
import { FLOOD_MAC } from '../../../domain/forwarding/fdb.ts';
import { claimedTunnels, claimsNetworks } from '../../../domain/plan/published-claims.ts';
import { classify } from '../../../domain/sweep/classify.ts';
import { snapshot, vxlanRecord } from '../sweep/some-node.ts';

const device: Device = { ticket: 0, known: undefined, ours: undefined, adopted: false };
const present = { fdb: [{ mac: FLOOD_MAC, destination: '10.0.0.77' }], neighbours: [], senders: undefined };

test('an empty list of members removes nothing until everything is recorded again', () => {
  const change = (isWhole: boolean) =>
    changeOf(device, new DesiredDevice(vxlanRecord(), membershipOf(1, { members: [], isWhole }), 'on'), present).fdb
      .remove;
  assert.deepEqual(change(false), []);
  assert.deepEqual(change(true), present.fdb);
});

test('links and journal entries without records are no leaks until everything is recorded again', () => {
  const kinds = (isWhole: boolean) => classify(snapshot({ records: [], isWhole })).map(({ kind }) => kind);
  assert.deepEqual(kinds(false), []);
  assert.deepEqual(kinds(true), ['link', 'journal']);
});

test('a status claims what it says is attached, nothing that was refused, and nothing when it cannot be read', () => {
  const status = JSON.stringify([
    { name: 'shop/red', interface: 'red', state: 'Attached', vni: 7, dstport: 8472 },
    { name: 'shop/blue', interface: 'blue', state: 'Refused', vni: 8, dstport: 8472 },
  ]);
  assert.deepEqual(claimedTunnels(status), ['8472/7']);
  assert.equal(claimsNetworks(JSON.stringify([{ name: 'a/b', interface: 'b', state: 'Refused' }])), false);
  assert.equal(claimsNetworks('{'), false);
});
