import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changedAddresses } from '../../../domain/cni/changed-addresses.ts';
import { cniIntent, intent, RESULT } from '../../etcd/some-records.ts';

const had = (...addresses: string[]) => cniIntent('red', { result: { ...RESULT, addresses } });
const has = (...addresses: string[]) => ({ ...RESULT, addresses });

describe('an interface that was made anew', () => {
  it('with other addresses says which it had', () => {
    const warning = changedAddresses(had('10.1.0.5/24'), has('10.1.0.6/24'));
    assert.equal(warning?.code, 'AddressChanged');
    assert.match(warning.message, /has 10\.1\.0\.6\/24 and no longer 10\.1\.0\.5\/24/);
    assert.match(changedAddresses(had('10.1.0.5/24'), has())?.message ?? '', /has none/);
  });

  it('with the same ones, in whatever order, says nothing', () => {
    assert.equal(changedAddresses(had('10.1.0.5/24', 'fd00::5/64'), has('fd00::5/64', '10.1.0.5/24')), undefined);
  });

  it('had nothing to lose when it had none, or was never made', () => {
    assert.equal(changedAddresses(had(), has('10.1.0.6/24')), undefined);
    assert.equal(changedAddresses(cniIntent('red'), has('10.1.0.6/24')), undefined);
  });

  it('says nothing of what the pod asked for itself, nor of VXLAN', () => {
    const before = had('10.1.0.5/24');
    const other = { ...before.cni, capabilityArgs: { ips: ['10.1.0.6/24'] } };
    const { network, dialect, configText, cni, definitionUid } = before;
    const edited = { ...before, cni: other, madeWith: { network, dialect, configText, cni, definitionUid } };
    assert.equal(changedAddresses(edited, has('10.1.0.6/24')), undefined);
    const elsewhere = { ...network, name: 'another' };
    const moved = { ...before, madeWith: { network: elsewhere, dialect, configText, cni, definitionUid } };
    assert.equal(changedAddresses(moved, has('10.1.0.6/24')), undefined);
    const vxlan = intent('red', 7, { result: { ...RESULT, addresses: ['10.1.0.5/24'] } });
    assert.equal(changedAddresses(vxlan, has('10.1.0.6/24')), undefined);
  });
});
