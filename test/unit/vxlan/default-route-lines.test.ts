import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipLine } from '../../../adapters/iproute/lines.ts';

test('a preferred default route comes before the one there is, in the manner of its family', () => {
  assert.equal(
    ipLine({ op: 'prefer-default', name: 'net1', gateway: '10.0.0.1' }),
    'route prepend 0.0.0.0/0 via 10.0.0.1 dev net1 proto 230',
  );
  assert.equal(
    ipLine({ op: 'prefer-default', name: 'net1', gateway: 'FE80::1' }),
    'route add ::/0 via fe80::1 dev net1 metric 1 proto 230',
  );
  assert.throws(() => ipLine({ op: 'prefer-default', name: 'net1', gateway: '10.0.0.1; reboot' }), /allowed: an IPv4/);
});
