import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CniCapabilityArgs } from '../../../domain/cni/attachment.ts';
import { configProblems } from '../../../domain/cni/definition-check.ts';
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

const policy = DEFAULT_DIALECT_SETTINGS.cniPolicy;
const BRIDGE = { cniVersion: '1.0.0', name: 'n', type: 'bridge' };
const ADDRESSES = [{ address: '10.0.0.1/24' }];
const RANGES = [[{ subnet: '10.0.0.0/24' }]];

const check = (config: object, capabilityArgs: CniCapabilityArgs = {}) =>
  configProblems(
    { uid: 'u', text: JSON.stringify(config) },
    { dialect: 'npwg', network: 'blue/n', fallbackName: 'n', capabilityArgs, policy },
  );

/** A configuration and what the attachment asks for, to what its refusal must mention. */
const REFUSED: Readonly<Record<string, readonly [config: object, asked: CniCapabilityArgs, ...mentions: string[]]>> = {
  'ranges of addresses and no IPAM plugin': [
    { ...BRIDGE, ipam: { ranges: RANGES } },
    {},
    '"ipam" has "ranges" but no "type"',
    'without an address',
  ],
  'the same with an empty type': [{ ...BRIDGE, ipam: { type: '', subnet: '10.0.0.0/24' } }, {}, '"subnet"', '"type"'],
  'the same in a chain': [
    { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge', ipam: { ranges: RANGES } }] },
    {},
    '"plugins[0].ipam"',
  ],
  'static without addresses': [{ ...BRIDGE, ipam: { type: 'static' } }, {}, '"static"', '"addresses"'],
  'static with an empty list': [{ ...BRIDGE, ipam: { type: 'static', addresses: [] } }, {}, '"addresses"'],
  'static with null for addresses': [{ ...BRIDGE, ipam: { type: 'static', addresses: null } }, {}, '"addresses"'],
  'static that waits for ips which the pod does not ask for': [
    { ...BRIDGE, capabilities: { ips: true }, ipam: { type: 'static' } },
    {},
    'asks for no "ips"',
  ],
  'a version among several that is none': [
    { ...BRIDGE, cniVersions: ['1.0.0', 'newest'] },
    {},
    '"cniVersions" has "newest"',
    'three numbers',
  ],
  'an empty text among the versions': [{ ...BRIDGE, cniVersions: ['1.0.0', ''] }, {}, '"cniVersions" has ""'],
  'a version of two numbers': [{ ...BRIDGE, cniVersions: ['1.0', '1.1.0'] }, {}, '"1.0"'],
  'a version that is none beside versions that are': [
    { ...BRIDGE, cniVersion: 'v1.0.0', cniVersions: ['1.0.0'] },
    {},
    '"cniVersion" has "v1.0.0"',
  ],
};

describe('a definition is refused for', () => {
  for (const [name, [config, asked, ...mentions]] of Object.entries(REFUSED)) {
    it(name, () => {
      const problems = check(config, asked);
      assert.deepEqual(
        problems.map(({ code }) => code),
        ['CniConfigInvalid'],
      );
      const message = problems[0]?.message ?? '';
      for (const word of mentions) assert.ok(message.includes(word), `${word} in ${message}`);
    });

    it(`${name}, and what was attached with it can still be taken away`, () => {
      assert.ok(parseNetworkConfig(JSON.stringify(config), 'n').ok, 'DEL and CHECK read it');
    });
  }
});

const TAKEN: Readonly<Record<string, readonly [config: object, asked: CniCapabilityArgs]>> = {
  'no ipam': [BRIDGE, {}],
  'an empty ipam, which means none': [{ ...BRIDGE, ipam: {} }, {}],
  'an ipam with nothing but an empty type': [{ ...BRIDGE, ipam: { type: '' } }, {}],
  'static with addresses': [{ ...BRIDGE, ipam: { type: 'static', addresses: ADDRESSES } }, {}],
  'static and ips that the pod asks for': [
    { ...BRIDGE, capabilities: { ips: true }, ipam: { type: 'static' } },
    { ips: ['10.0.0.1/24'] },
  ],
  'static and ips in the configuration’s own arguments': [
    { ...BRIDGE, args: { cni: { ips: ['10.0.0.1/24'] } }, ipam: { type: 'static' } },
    {},
  ],
  'versions that podwire does not know beside one that it knows': [
    { ...BRIDGE, cniVersions: ['1.0.0', '9.0.0', '1.2.0-rc.1'] },
    {},
  ],
};

describe('a definition is taken with', () => {
  for (const [name, [config, asked]] of Object.entries(TAKEN)) {
    it(name, () => assert.deepEqual(check(config, asked), []));
  }
});
