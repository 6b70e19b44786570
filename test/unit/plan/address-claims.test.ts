import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressHolder, claimedAddresses, freedAddresses, holderNamed } from '../../../domain/plan/address-claims.ts';
import type { VxlanAttachmentRecord } from '../../../domain/records.ts';
import { cniIntent, intent } from '../../etcd/some-records.ts';

function vxlan(addresses: readonly string[], before?: readonly string[]): VxlanAttachmentRecord {
  const record = intent('u', 7);
  const link = { ...record.link, addresses };
  const lastGood = before === undefined ? {} : { lastGood: { link: { ...link, addresses: before }, vtep: '10.0.0.1' } };
  return { ...record, link, ...lastGood };
}

test('an attachment keeps its addresses from others, and while it is edited those that it may go back to', () => {
  assert.deepEqual(claimedAddresses(vxlan(['10.0.0.1/24', 'fd00::1/64'])), ['10.0.0.1', 'fd00::1']);
  const mac = '02:00:00:00:00:01';
  const asking = vxlan([]);
  assert.deepEqual(claimedAddresses({ ...asking, link: { ...asking.link, mac } }), [mac]);
  assert.deepEqual(claimedAddresses({ ...asking, keptMac: mac }), [mac], 'asked for no longer');
  assert.deepEqual(claimedAddresses(vxlan(['10.0.0.1/24'], ['10.0.0.2/24', '10.0.0.1/16'])), ['10.0.0.1', '10.0.0.2']);
});

test('what is being removed keeps no address, nor does a network of CNI plugins', () => {
  assert.deepEqual(claimedAddresses({ ...vxlan(['10.0.0.1/24']), phase: 'removing' }), []);
  assert.deepEqual(claimedAddresses(cniIntent('u')), []);
  assert.deepEqual(claimedAddresses(undefined), []);
});

test('addresses are free once the record no longer names them', () => {
  const edit = vxlan(['10.0.0.1/24'], ['10.0.0.2/24']);
  assert.deepEqual(freedAddresses(edit, vxlan(['10.0.0.1/24'])), ['10.0.0.2']);
  assert.deepEqual(freedAddresses(edit, edit), []);
  assert.deepEqual(freedAddresses(edit, undefined), ['10.0.0.1', '10.0.0.2']);
});

test('a reservation says which pod has the address', () => {
  const named = { uid: 'u', namespace: 'u', name: 'web', interfaceName: 'red' };
  assert.deepEqual(holderNamed(addressHolder(vxlan(['10.0.0.1/24']))), named);
});
