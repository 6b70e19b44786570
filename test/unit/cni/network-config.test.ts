import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';

const read = (config: unknown, fallback = 'fallback') =>
  parseNetworkConfig(typeof config === 'string' ? config : JSON.stringify(config), fallback);
const VERSION = { cniVersion: '1.0.0' };
const PLUGIN = { type: 'bridge' };
const plugins = (count: number) => Array.from({ length: count }, () => PLUGIN);

/** A configuration to what its refusal must mention. */
const REFUSED: Readonly<Record<string, readonly [config: unknown, ...mentions: string[]]>> = {
  'no JSON': ['{', 'no JSON'],
  'a list at the top': [[], 'no JSON object'],
  'a text': ['"x"', 'no JSON object'],
  'a key twice': ['{"cniVersion":"1.0.0","type":"bridge","type":"host-device"}', '"type" twice'],
  'a type in another case beside it': [{ ...VERSION, ...PLUGIN, Type: 'host-device' }, '"Type"', 'did you mean "type"'],
  'a type in another case alone': [{ ...VERSION, TYPE: 'host-device' }, '"TYPE"'],
  'plugins in another case': [{ ...VERSION, ...PLUGIN, Plugins: [] }, '"Plugins"'],
  'ipam with a type in another case': [{ ...VERSION, ...PLUGIN, ipam: { Type: 'x' } }, '"ipam.Type"'],
  'ipam in another case': [{ ...VERSION, ...PLUGIN, IPAM: { type: 'x' } }, '"IPAM"'],
  'capabilities in another case': [{ ...VERSION, ...PLUGIN, Capabilities: {} }, '"Capabilities"'],
  'the version in another case': [{ cniversion: '1.0.0', ...PLUGIN }, '"cniversion"'],
  'an ordinary key in two cases': [{ ...VERSION, ...PLUGIN, master: 'a', Master: 'b' }, '"master" and "Master"'],
  'a deep key in two cases': [{ ...VERSION, ...PLUGIN, ipam: { ranges: [{ subnet: 1, Subnet: 2 }] } }, '"Subnet"'],
  'no type': [VERSION, '"type" is missing'],
  'a type with a slash': [{ ...VERSION, type: 'a/b' }, '"a/b"', 'name of a program'],
  'a type that walks up': [{ ...VERSION, type: '../../bin/sh' }, 'name of a program'],
  'a type with two dots': [{ ...VERSION, type: 'a..b' }, 'without ".."'],
  'a type that looks like an option': [{ ...VERSION, type: '-x' }, 'name of a program'],
  'an empty type': [{ ...VERSION, type: '' }, 'name of a program'],
  'a type that is a number': [{ ...VERSION, type: 1 }, 'name of a program'],
  'a type of 65 characters': [{ ...VERSION, type: 'a'.repeat(65) }, 'at most 64'],
  'an ipam type with a slash': [{ ...VERSION, ...PLUGIN, ipam: { type: '../x' } }, '"ipam.type"'],
  'an ipam that is a text': [{ ...VERSION, ...PLUGIN, ipam: 'host-local' }, 'ipam'],
  'no version': [PLUGIN, '"cniVersion" is missing', '0.1.0', '1.1.0'],
  'an old version': [{ cniVersion: '0.2.0', ...PLUGIN }, '"0.2.0"', '0.3.0'],
  'a future version': [{ cniVersion: '2.0.0', ...PLUGIN }, '"2.0.0"'],
  'a version that is a number': [{ cniVersion: 1, ...PLUGIN }, 'cniVersion'],
  'a name with a slash': [{ ...VERSION, ...PLUGIN, name: '../x' }, '"name" is "../x"'],
  'a name that begins with a dot': [{ ...VERSION, ...PLUGIN, name: '.x' }, '"name"'],
  'a name that is a number': [{ ...VERSION, ...PLUGIN, name: 5 }, '"name" is 5'],
  'both a type and plugins': [{ ...VERSION, ...PLUGIN, plugins: [PLUGIN] }, 'both "type" and "plugins"'],
  'no plugins': [{ ...VERSION, plugins: [] }, '1 to 16'],
  'too many plugins': [{ ...VERSION, plugins: plugins(17) }, '1 to 16'],
  'plugins that are an object': [{ ...VERSION, plugins: {} }, '1 to 16'],
  'a plugin that is null': [{ ...VERSION, plugins: [PLUGIN, null] }, 'plugins[1] is null'],
  'a wrong type in a list': [{ ...VERSION, plugins: [PLUGIN, { type: '/x' }] }, '"plugins[1].type"'],
  'capabilities that are a list': [{ ...VERSION, ...PLUGIN, capabilities: ['ips'] }, 'capabilities'],
  'a capability that is a text': [{ ...VERSION, ...PLUGIN, capabilities: { ips: 'true' } }, 'true or false'],
  'a result of its own': [{ ...VERSION, ...PLUGIN, prevResult: {} }, '"prevResult"', 'only the runtime'],
  'runtime configuration of its own': [{ ...VERSION, ...PLUGIN, runtimeConfig: { mac: 'x' } }, '"runtimeConfig"'],
  'a key of the protocol': [{ ...VERSION, ...PLUGIN, 'cni.dev/valid-attachments': [] }, 'only the runtime'],
  'args that are a text': [{ ...VERSION, ...PLUGIN, args: 'x' }, 'args'],
  'args.cni that is a list': [{ ...VERSION, ...PLUGIN, args: { cni: [] } }, 'args'],
  'disableCheck that is a number': [{ ...VERSION, plugins: [PLUGIN], disableCheck: 1 }, '"disableCheck" is 1'],
  'more than 64 KiB': [{ ...VERSION, ...PLUGIN, x: 'x'.repeat(65_536) }, '65536 bytes'],
};

describe('a CNI configuration is refused with', () => {
  for (const [name, [config, ...mentions]] of Object.entries(REFUSED)) {
    it(name, () => {
      const parsed = read(config);
      assert.ok(!parsed.ok, 'refused');
      const text = parsed.problems.map(({ why }) => why).join('\n');
      for (const word of mentions) assert.ok(text.includes(word), `${word} in ${text}`);
      for (const { code, why } of parsed.problems) {
        assert.equal(code, 'CniConfigInvalid');
        assert.match(why, /^[\x20-\x7e\u2026]+$/);
      }
    });
  }
});

describe('a CNI configuration', () => {
  it('of one plugin gets the name of its definition where it has none', () => {
    const parsed = read({ ...VERSION, ...PLUGIN, name: '' }, 'net-a');
    assert.ok(parsed.ok);
    const { name, isList, plugins: chain } = parsed.config;
    assert.deepEqual([name, isList, chain.length], ['net-a', false, 1]);
  });

  it('of a chain keeps order, capabilities and every key', () => {
    const first = { ...PLUGIN, capabilities: { ips: true, mac: false }, anything: [{ B: null }] };
    const config = {
      ...VERSION,
      name: 'n',
      disableCheck: true,
      disableGC: 'true',
      plugins: [first, { type: 'tuning' }],
    };
    const parsed = read(config);
    assert.deepEqual(parsed, {
      ok: true,
      config: {
        name: 'n',
        cniVersion: '1.0.0',
        disableCheck: true,
        disableGC: true,
        isList: true,
        plugins: [
          { type: 'bridge', capabilities: ['ips'], raw: first },
          { type: 'tuning', capabilities: [], raw: { type: 'tuning' } },
        ],
      },
    });
  });

  it('runs with the highest version that it and podwire know', () => {
    const version = (config: object) => {
      const parsed = read({ ...config, plugins: [PLUGIN] });
      return parsed.ok ? parsed.config.cniVersion : parsed.problems;
    };
    for (const known of ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'])
      assert.equal(version({ cniVersion: known }), known);
    assert.equal(version({ cniVersion: '0.4.0', cniVersions: ['0.3.1', '1.1.0', '9.0.0'] }), '1.1.0');
    assert.equal(version({ cniVersions: ['0.3.1'] }), '0.3.1');
  });

  it('gives a result for any JSON and any text', () => {
    const key = fc.constantFrom('type', 'name', 'plugins', 'ipam', 'cniVersion', 'capabilities', 'args', 'Type', 'x');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<unknown>('bridge', '1.0.0', '../x', '', 1, true, null),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const text = fc.oneof(
      tree.map((value) => JSON.stringify(value)),
      fc.string(),
      fc.json(),
    );
    fc.assert(
      fc.property(text, fc.string(), (config, fallback) => {
        const parsed = parseNetworkConfig(config, fallback);
        if (!parsed.ok) assert.ok(parsed.problems.length > 0);
        else for (const { type } of parsed.config.plugins) assert.match(type, /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
      }),
      { numRuns: 3_000 },
    );
  });
});
