import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isKept, keepName } from '../../../domain/plan/observation.ts';
import { cniIntent, intent } from '../../etcd/some-records.ts';
import { record } from './observations.ts';

const kept = (change: Parameters<typeof record>[1], keep: readonly string[], keepAll = false): boolean =>
  isKept(record('net1', change), { keep, keepAll });
const npwg = { kind: 'cni', keepName: 'npwg:red/green' } as const;

describe('an attachment stays', () => {
  it('by the name of its network when it is a VXLAN link', () => {
    assert.equal(keepName(intent('red', 7)), 'red');
    assert.ok(kept({ kind: 'vxlan', keepName: 'net1' }, ['other', 'net1']));
    assert.ok(!kept({ kind: 'vxlan', keepName: 'net1' }, ['other']));
  });

  it('by dialect and place of its network when it is a CNI attachment', () => {
    assert.equal(keepName(cniIntent('red')), 'npwg:red/green');
    assert.equal(keepName(cniIntent('red', { dialect: 'kaloom' })), 'kaloom:red/green');
    assert.ok(kept(npwg, ['npwg:red/green']));
    for (const other of ['green', 'red/green', 'kaloom:red/green', 'npwg:blue/green', 'npwg:red/gree'])
      assert.ok(!kept(npwg, [other]), other);
  });

  it('with all of its dialect, and with no other', () => {
    assert.ok(kept(npwg, ['npwg:*']));
    assert.ok(!kept(npwg, ['kaloom:*']));
    assert.ok(!kept(npwg, ['*']));
    assert.ok(!kept({ kind: 'vxlan', keepName: 'net1' }, ['npwg:*', 'kaloom:*', ':*']));
  });

  it("with kube-vxlan-controller's whole annotation when it is a VXLAN link only", () => {
    assert.ok(kept({ kind: 'vxlan' }, [], true));
    assert.ok(!kept(npwg, [], true));
  });
});
