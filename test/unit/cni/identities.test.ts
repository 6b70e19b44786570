import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identitiesOf } from '../../../domain/cni/identities.ts';
import { cniIntent, intent, RESULT } from '../../etcd/some-records.ts';

const places = (...[record]: Parameters<typeof identitiesOf>): string[] =>
  identitiesOf(record).map(({ place }) => place);

test('an attachment has its addresses and the MAC that it asked for in its network, and its host ports at its node', () => {
  assert.deepEqual(places({ ...cniIntent('u'), phase: 'attached', result: RESULT }), [
    'networks/u/green/address/10.1.0.1',
    'networks/u/green/mac/02:00:00:00:00:05',
    'nodes/n1/tcp/any/8080',
  ]);
});

test('a MAC that nobody asked for is nothing of its own', () => {
  const record = cniIntent('u');
  const cni = { ...record.cni, capabilityArgs: {} };
  assert.deepEqual(places({ ...record, cni, phase: 'attached', result: RESULT }), [
    'networks/u/green/address/10.1.0.1',
  ]);
});

test('an intent over something has what that was made with', () => {
  const record = cniIntent('u');
  const { dialect, configText, definitionUid } = record;
  const cni = { ...record.cni, capabilityArgs: {} };
  const madeWith = { dialect, cni, configText, definitionUid, network: { scope: 'u', name: 'before' } };
  assert.deepEqual(places({ ...record, madeWith, result: RESULT }), ['networks/u/before/address/10.1.0.1']);
});

test('what was never made has nothing, nor has a VXLAN link, whose addresses are reserved', () => {
  assert.deepEqual(places(cniIntent('u')), []);
  assert.deepEqual(places({ ...intent('u', 7), phase: 'attached', result: RESULT }), []);
});
