import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, type ConfigMapData } from './parsing.ts';

interface Row {
  readonly annotation: string;
  readonly configMap?: ConfigMapData;
  readonly code: string;
  /** What the message must mention: network, option, value, what is allowed. */
  readonly mentions: readonly string[];
  readonly line?: number;
}

const IP_RULE = '192.168.11.2/29';

/** Each annotation has exactly one mistake, in a network beside a good one. */
const MISTAKES: Readonly<Record<string, Row>> = {
  'up=no': { annotation: 'a id=1 up=no', code: 'InvalidValue', mentions: ['"a"', '"up"', '"no"', 'up=false'] },
  'up=TRUE': { annotation: 'a id=1 up=TRUE', code: 'InvalidValue', mentions: ['"a"', '"up"', '"TRUE"', 'up=true'] },
  'up without a value after =': { annotation: 'a id=1 up=', code: 'InvalidValue', mentions: ['"a"', '"up"', '""'] },
  'id 0': { annotation: 'a id=0', code: 'InvalidValue', mentions: ['"a"', '"id"', '"0"', '1 to 16777215'] },
  'id above 24 bits': { annotation: 'a id=16777216', code: 'InvalidValue', mentions: ['"16777216"', '1 to 16777215'] },
  'a hexadecimal id': { annotation: 'a id=0x64', code: 'InvalidValue', mentions: ['"0x64"', 'whole number'] },
  'an id that ip would read as octal': { annotation: 'a id=0100', code: 'InvalidValue', mentions: ['"0100"'] },
  'a negative id': { annotation: 'a id=-5', code: 'InvalidValue', mentions: ['"-5"'] },
  'an id like 1e3': { annotation: 'a id=1e3', code: 'InvalidValue', mentions: ['"1e3"'] },
  'a bare id': { annotation: 'a id', code: 'MissingValue', mentions: ['"a"', '"id"', '1 to 16777215'] },
  'id=true, which is the bare id': { annotation: 'a id=true', code: 'MissingValue', mentions: ['"id"'] },
  'a bare ip': { annotation: 'a id=1 ip', code: 'MissingValue', mentions: ['"a"', '"ip"', IP_RULE] },
  'an empty ip': { annotation: 'a id=1 ip=', code: 'InvalidValue', mentions: ['"ip"', IP_RULE] },
  'an ip without prefix length': {
    annotation: 'a id=1 ip=10.0.0.1',
    code: 'InvalidValue',
    mentions: ['"10.0.0.1"', IP_RULE],
  },
  'an ip in an old notation': { annotation: 'a id=1 ip=10.1/24', code: 'InvalidValue', mentions: ['"10.1/24"'] },
  'an ip with leading zeros': {
    annotation: 'a id=1 ip=10.0.0.01/24',
    code: 'InvalidValue',
    mentions: ['"10.0.0.01/24"'],
  },
  'a prefix length above 32': {
    annotation: 'a id=1 ip=10.0.0.1/33',
    code: 'InvalidValue',
    mentions: ['"10.0.0.1/33"'],
  },
  'prefix length 0': { annotation: 'a id=1 ip=10.0.0.1/0', code: 'InvalidValue', mentions: ['prefix length 0'] },
  'a multicast ip': { annotation: 'a id=1 ip=224.0.0.5/24', code: 'InvalidValue', mentions: ['multicast'] },
  'a loopback ip': { annotation: 'a id=1 ip=127.0.0.1/8', code: 'InvalidValue', mentions: ['loopback'] },
  'an unspecified ip': { annotation: 'a id=1 ip=::/64', code: 'InvalidValue', mentions: ['unspecified'] },
  'an IPv4-mapped ip': { annotation: 'a id=1 ip=::ffff:10.0.0.1/120', code: 'InvalidValue', mentions: ['"ip"'] },
  'an ip with a zone': { annotation: 'a id=1 ip=fe80::1%eth0/64', code: 'InvalidValue', mentions: ['"ip"'] },
  'a network address as ip': {
    annotation: 'a id=1 ip=10.0.0.8/29',
    code: 'InvalidValue',
    mentions: ['network address'],
  },
  'a broadcast address as ip': { annotation: 'a id=1 ip=10.0.0.15/29', code: 'InvalidValue', mentions: ['broadcast'] },
  'the limited broadcast as ip': {
    annotation: 'a id=1 ip=255.255.255.255/32',
    code: 'InvalidValue',
    mentions: ['broadcast'],
  },
  'ip both given and switched off': {
    annotation: 'a id=1 ip=10.0.0.1/24 ip=false',
    code: 'DuplicateOption',
    mentions: ['"ip"', 'false'],
  },
  'one address with two prefix lengths': {
    annotation: 'a id=1 ip=10.0.0.1/24 ip=10.0.0.1/25',
    code: 'DuplicateOption',
    mentions: ['10.0.0.1/24'],
  },
  'a route without colon': {
    annotation: 'a id=1 up route=10.0.0.0/8',
    code: 'InvalidValue',
    mentions: ['"route"', 'colon', '10.0.0.0/8:192.168.11.1'],
  },
  'a bare route': { annotation: 'a id=1 up route', code: 'MissingValue', mentions: ['"route"', 'destination:gateway'] },
  'a route without gateway': {
    annotation: 'a id=1 up route=10.0.0.0/8:',
    code: 'InvalidValue',
    mentions: ['"10.0.0.0/8:"'],
  },
  'a route with host bits': {
    annotation: 'a id=1 up route=10.0.0.1/8:10.1.1.1',
    code: 'InvalidValue',
    mentions: ['10.0.0.0/8'],
  },
  'a default route': {
    annotation: 'a id=1 up route=default:10.1.1.1',
    code: 'InvalidValue',
    mentions: ['default route'],
  },
  'a default route in digits': {
    annotation: 'a id=1 up route=::/0:fe80::1',
    code: 'InvalidValue',
    mentions: ['default route'],
  },
  'a route that mixes families': {
    annotation: 'a id=1 up route=10.0.0.0/8:2001:db8::1',
    code: 'InvalidValue',
    mentions: ['mixes'],
  },
  'a route to multicast': {
    annotation: 'a id=1 up route=224.0.0.0/4:10.1.1.1',
    code: 'InvalidValue',
    mentions: ['not unicast'],
  },
  'a multicast gateway': {
    annotation: 'a id=1 up route=10.0.0.0/8:224.0.0.1',
    code: 'InvalidValue',
    mentions: ['gateway'],
  },
  'an IPv6 route with two readings': {
    annotation: 'a id=1 up route=1::2:3:4::5',
    code: 'InvalidValue',
    mentions: ['brackets'],
  },
  'two gateways for one destination': {
    annotation: 'a id=1 up route=10.0.0.0/8:10.1.1.1 route=10.0.0.0/8:10.1.1.2',
    code: 'DuplicateOption',
    mentions: ['10.0.0.0/8:10.1.1.1'],
  },
  'an mtu too small': {
    annotation: 'a id=1 mtu=575',
    code: 'InvalidValue',
    mentions: ['"mtu"', '"575"', '576 to 65535'],
  },
  'an mtu too large': { annotation: 'a id=1 mtu=65536', code: 'InvalidValue', mentions: ['"65536"'] },
  'an mtu too small for IPv6': {
    annotation: 'a id=1 mtu=1279 ip=2001:db8::1/64',
    code: 'MtuTooSmall',
    mentions: ['"mtu"', '"1279"', '1280'],
  },
  'dstport 0': { annotation: 'a id=1 dstport=0', code: 'InvalidValue', mentions: ['"dstport"', '1 to 65535'] },
  'a bare srcport': { annotation: 'a id=1 srcport', code: 'MissingValue', mentions: ['"srcport"', '20000-30000'] },
  'one source port': { annotation: 'a id=1 srcport=20000', code: 'InvalidValue', mentions: ['"20000"', '20000-30000'] },
  'source ports the wrong way round': {
    annotation: 'a id=1 srcport=30000-20000',
    code: 'InvalidValue',
    mentions: ['empty range'],
  },
  'a type other than vxlan': {
    annotation: 'a id=1 type=gre',
    code: 'InvalidValue',
    mentions: ['"type"', '"gre"', 'vxlan'],
  },
  'a multicast peer': {
    annotation: 'a id=1 peers=10.1.1.1;239.1.1.1',
    code: 'InvalidValue',
    mentions: ['"peers"', 'unicast'],
  },
  'a link-local IPv6 peer': { annotation: 'a id=1 peers=fe80::1', code: 'InvalidValue', mentions: ['link-local'] },
  'an empty peer': { annotation: 'a id=1 peers=10.1.1.1;', code: 'InvalidValue', mentions: ['";"'] },
  'an unknown option with a near name': {
    annotation: 'a id=1 dstprot=4789',
    code: 'UnknownOption',
    mentions: ['"a"', '"dstprot"', 'mtu, dstport', 'did you mean dstport'],
  },
  'the name other tools use': {
    annotation: 'a id=1 address=10.0.0.1/24',
    code: 'UnknownOption',
    mentions: ['did you mean ip'],
  },
  'an option in capitals': { annotation: 'a id=1 MTU=1400', code: 'UnknownOption', mentions: ['did you mean mtu'] },
  'an option JavaScript objects have': {
    annotation: 'a id=1 __proto__=1',
    code: 'UnknownOption',
    mentions: ['"__proto__"'],
  },
  'a bare number in the annotation': { annotation: 'a id=1 100', code: 'UnknownOption', mentions: ['write id=100'] },
  'a network on an indented line': {
    annotation: 'a id=1\n  vxeth1',
    code: 'UnknownOption',
    mentions: ['"vxeth1"', 'if it is a network'],
    line: 2,
  },
  'an option after a comma': {
    annotation: 'a id=1 ip=10.0.0.1/24, up',
    code: 'MisplacedOption',
    mentions: ['"a"', '"up"', 'comma separates networks'],
  },
  'an option line that is not indented': {
    annotation: 'a id=1\nip=10.0.0.1/24',
    code: 'MisplacedOption',
    mentions: ['"a"', '"ip"', 'white space'],
    line: 2,
  },
  'two values for one option': { annotation: 'a id=1 id=2', code: 'DuplicateOption', mentions: ['"id"', '"1"'] },
  'an interface name with a template': {
    annotation: 'a id=1 name=veth%d',
    code: 'InvalidValue',
    mentions: ['"name"', '"veth%d"', '1 to 15'],
  },
  'an interface name of 16 characters': {
    annotation: 'a id=1 name=abcdefghijklmnop',
    code: 'InvalidValue',
    mentions: ['1 to 15'],
  },
  'the primary interface as name': {
    annotation: 'a id=1 name=eth0',
    code: 'InvalidValue',
    mentions: ['"eth0"', 'not lo, eth0'],
  },
  'lo as name': { annotation: 'a id=1 name=lo', code: 'InvalidValue', mentions: ['"lo"'] },
  'a word of the ip command as name': { annotation: 'a id=1 name=dev', code: 'InvalidValue', mentions: ['"dev"'] },
  'a name that looks like an option of a command': {
    annotation: 'a id=1 name=-x',
    code: 'InvalidValue',
    mentions: ['"-x"'],
  },
  'a name of podwire itself': {
    annotation: 'a id=1 name=pw0123456789ab',
    code: 'InvalidValue',
    mentions: ['pw followed'],
  },
  'the parent as name': {
    annotation: 'a id=1 name=tun0 dev=tun0',
    code: 'InvalidInterfaceName',
    mentions: ['dev=tun0'],
  },
  'a parent with shell characters': {
    annotation: 'a id=1 dev=$(id)',
    code: 'InvalidValue',
    mentions: ['"dev"', '"$(id)"'],
  },
  'a network name that no interface can have': {
    annotation: 'a-network-of-too-many-letters id=1',
    code: 'InvalidInterfaceName',
    mentions: ['name=', '1 to 15'],
  },
  'a network called eth0': { annotation: 'eth0 id=1', code: 'InvalidInterfaceName', mentions: ['"eth0"', 'name='] },
  'an id of a declared network': {
    annotation: 'a id=900',
    configMap: { declared: 'id=900' },
    code: 'IdTaken',
    mentions: ['"900"', '"declared"'],
  },
  'an id of a declared network that is broken otherwise': {
    annotation: 'a id=900',
    configMap: { declared: 'id=900 up=no' },
    code: 'IdTaken',
    mentions: ['"declared"'],
  },
  'another id for a declared network': {
    annotation: 'a id=901',
    configMap: { a: 'id=900' },
    code: 'FixedByDeclaration',
    mentions: ['"id"', '"901"', '900'],
  },
  'another port for a declared network': {
    annotation: 'a dstport=4789',
    configMap: { a: 'id=900' },
    code: 'FixedByDeclaration',
    mentions: ['"dstport"', '"4789"', '8472'],
  },
  'an id that the pod uses already': { annotation: 'a id=77', code: 'DuplicateId', mentions: ['"77"', '"good"'] },
  'an interface name that the pod uses already': {
    annotation: 'a id=1 name=good',
    code: 'DuplicateInterface',
    mentions: ['"good"'],
  },
  'a route that the pod has already': {
    annotation: 'a id=1 up ip=10.77.1.3/24 route=10.99.0.0/16:10.77.1.2',
    code: 'DuplicateRoute',
    mentions: ['10.99.0.0/16', '"good"'],
  },
};

const GOOD = 'good id=77 up ip=10.77.0.1/24 route=10.99.0.0/16:10.77.0.2';

describe('the openvnf dialect refuses, and leaves the network beside it alone:', () => {
  for (const [says, row] of Object.entries(MISTAKES)) {
    it(says, () => {
      const parsed = parse(`${GOOD}\n${row.annotation}`, row.configMap ?? {});
      assert.deepEqual(
        parsed.selections.map((selection) => selection.network.name),
        ['good'],
      );
      assert.deepEqual(
        parsed.problems.map((problem) => problem.code),
        [row.code],
      );
      const [problem] = parsed.problems;
      for (const mention of row.mentions)
        assert.ok(problem?.message.includes(mention), `${mention} in ${problem?.message}`);
      assert.equal(problem?.network, row.annotation.split(/[ \n]/, 1)[0]);
      assert.equal(problem?.line, (row.line ?? 1) + 1);
      assert.equal(parsed.keep[0], problem?.network);
      assert.ok(!parsed.keep.includes('good'));
    });
  }

  for (const name of ['Blue', 'a_b', '-a', 'a/b', '../../etc', 'é', 'a\u0000b', 'b'.repeat(64), '\u202eevil']) {
    it(`the network name ${JSON.stringify(name)}`, () => {
      const parsed = parse(`${GOOD}\n${name} id=5\n  up`);
      assert.equal(parsed.selections.length, 1);
      assert.deepEqual(
        parsed.problems.map((problem) => problem.code),
        ['InvalidNetworkName'],
      );
      const message = parsed.problems[0]?.message ?? '';
      assert.match(message, /1 to 63 lower-case letters/);
      assert.match(message, /^[\x20-\x7e\u2026]*$/, 'printable characters only');
    });
  }
});
