/** What libcni keeps for Multus, as text: what is taken from it, and what keeps it from being used. Whole files: test/kernel/cni-take-over.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCached } from '../../../adapters/cni/multus-cache.ts';

const EXPECTED = { sandboxId: 'a'.repeat(64), interfaceName: 'net1' };
const CONFIG =
  '{ "cniVersion":"1.0.0",  "name":"n","type":"macvlan","capabilities":{"ips":true,"deviceID":true,"dns":true} }';

const cached = (change: object = {}): string =>
  JSON.stringify({
    ...{ kind: 'cniCacheV1', containerId: EXPECTED.sandboxId, ifName: 'net1', networkName: 'n' },
    ...{
      config: Buffer.from(CONFIG).toString('base64'),
      netns: '/var/run/netns/x',
      cniArgs: [['IgnoreUnknown', 'true']],
    },
    ...{ capabilityArgs: {}, result: { cniVersion: '1.0.0', ips: [{ address: '10.0.0.2/24' }] } },
    ...change,
  });
const parse = (change?: object) => parseCached('/f', cached(change), EXPECTED);

test('the configuration is taken byte for byte, with the arguments and the result of its ADD', () => {
  assert.deepEqual(parse({ capabilityArgs: { ips: ['10.0.0.2/24'], deviceID: '0000:00:01.0' } }), {
    file: '/f',
    call: {
      ...{ ...EXPECTED, netnsPath: '/var/run/netns/x', configText: CONFIG, networkName: 'n' },
      capabilityArgs: { ips: ['10.0.0.2/24'], deviceID: '0000:00:01.0' },
      args: [['IgnoreUnknown', 'true']],
    },
    resultText: '{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}',
  });
});

test('arguments that no plugin declares reach none; one that podwire does not know and a plugin declares is refused', () => {
  assert.deepEqual(parse({ capabilityArgs: { CNIDeviceInfoFile: '/x', mac: 7 } }).call.capabilityArgs, {});
  assert.throws(() => parse({ capabilityArgs: { dns: {} } }), /\/f cannot be used: capabilityArgs.*dns/);
  assert.throws(() => parse({ capabilityArgs: { ips: '10.0.0.2' } }), /capabilityArgs\.ips: /);
});

test('a file without a result, as older versions of libcni wrote it, cannot be used', () => {
  assert.throws(() => parse({ result: undefined }), { code: 'ForeignKept', message: /result: / });
});

test('a configuration that is no UTF-8 cannot be used', () => {
  assert.throws(() => parse({ config: Buffer.from([0xff, 0xfe]).toString('base64') }), /config: no UTF-8/);
});
