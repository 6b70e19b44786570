import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ignoredArgs } from '../../../domain/cni/ignored-args.ts';

describe('what a pod asked plugins for', () => {
  const given = { mac: '02:00:00:00:00:0a', addresses: ['10.1.0.5/24', 'fd00::5/64'] };

  it('was kept when the kernel shows it, whatever the prefix and the case', () => {
    assert.equal(ignoredArgs({}, given), undefined);
    assert.equal(ignoredArgs({ mac: '02:00:00:00:00:0A', ips: ['10.1.0.5', 'fd00::5/128'] }, given), undefined);
  });

  it('was ignored when the interface has another MAC or lacks an address; the sentence names both sides', () => {
    assert.match(ignoredArgs({ mac: '02:00:00:00:00:0b' }, given) ?? '', /:0b was asked for, the interface has .*:0a/);
    assert.match(
      ignoredArgs({ ips: ['10.1.0.5/24', '10.1.0.6/24'] }, given) ?? '',
      /^ips 10\.1\.0\.6\/24 were .* 10\.1\.0\.5/,
    );
    assert.match(ignoredArgs({ ips: ['10.1.0.5'] }, { ...given, addresses: [] }) ?? '', /has no address/);
  });
});
