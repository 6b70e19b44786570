import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSenders } from '../../../adapters/nftables/listed-senders.ts';
import { senderLines } from '../../../adapters/nftables/sender-rules.ts';
import {
  sendersDifference,
  desiredSenders,
  withDestinations,
  type Senders,
} from '../../../domain/forwarding/senders.ts';
import { whyNoSenderRules } from '../../../adapters/nftables/probe.ts';
import { senderFiltering } from '../../../workers/node/sender-filtering.ts';
import { notStarted } from '../../../adapters/process/child.ts';

const senders: Senders = { vni: 4711, dstPort: 8472, family: 4, from: ['10.0.0.2', '10.0.0.3'] };
const RULE = 'udp dport 8472 @th,96,24 4711';

describe('the rules of a VXLAN link as text', () => {
  test('name its port, its VNI and its members, and make a table of their own', () => {
    assert.deepEqual(senderLines('green', { kind: 'make', senders }), [
      'create table inet podwire_green',
      'add set inet podwire_green members { type ipv4_addr ; }',
      'add element inet podwire_green members { 10.0.0.2, 10.0.0.3 }',
      'add chain inet podwire_green input { type filter hook input priority -300 ; policy accept ; }',
      `add rule inet podwire_green input ${RULE} ip saddr != @members drop`,
    ]);
  });

  test('are about IPv6 where the tunnel address is', () => {
    const six = senderLines('green', { kind: 'make', senders: { ...senders, family: 6, from: ['fd00::2'] } });
    assert.ok(six.includes('add set inet podwire_green members { type ipv6_addr ; }'));
    assert.equal(six.at(-1), `add rule inet podwire_green input ${RULE} ip6 saddr != @members drop`);
  });

  test('let nobody in where nobody else is a member', () => {
    const lines = senderLines('green', { kind: 'make', senders: { ...senders, from: [] } });
    assert.equal(lines.filter((line) => line.startsWith('add element')).length, 0);
    assert.match(lines.at(-1) ?? '', /drop$/);
  });

  test('are changed by the few who came and went, and go as a whole', () => {
    const change = { kind: 'change', family: 4, admit: ['10.0.0.4'], refuse: ['10.0.0.2'] } as const;
    assert.deepEqual(senderLines('green', change), [
      'add element inet podwire_green members { 10.0.0.4 }',
      'delete element inet podwire_green members { 10.0.0.2 }',
    ]);
    assert.deepEqual(senderLines('green', { kind: 'remove' }), [
      'add table inet podwire_green',
      'delete table inet podwire_green',
    ]);
  });

  test('hold nothing that is no address of the family, no number and no name', () => {
    const make = (change: Partial<Senders>, name = 'green') =>
      senderLines(name, { kind: 'make', senders: { ...senders, ...change } });
    assert.throws(() => make({ from: ['10.0.0.2 }; flush ruleset; #'] }), /address/);
    assert.throws(() => make({ from: ['fd00::1'] }), /IPv4/);
    assert.throws(() => make({ vni: 2 ** 24 }), /id/);
    assert.throws(() => make({}, 'a b'), /interface name/);
  });
});

describe('what nft lists of them', () => {
  const listed = (change: (objects: Record<string, Record<string, unknown>>[]) => void = () => undefined): string => {
    const match = (op: string, payload: object, right: unknown) => ({ match: { op, left: { payload }, right } });
    const own = { family: 'inet', table: 'podwire_green' };
    const objects: Record<string, Record<string, unknown>>[] = [
      { metainfo: { version: '1.0.6', json_schema_version: 1 } },
      { table: { family: 'inet', name: 'podwire_green', handle: 1 } },
      { set: { ...own, name: 'members', type: 'ipv4_addr', handle: 1, elem: ['10.0.0.3', '10.0.0.2'] } },
      { chain: { ...own, name: 'input', handle: 2, type: 'filter', hook: 'input', prio: -300, policy: 'accept' } },
      {
        rule: {
          ...own,
          ...{ chain: 'input', handle: 3 },
          expr: [
            match('==', { protocol: 'udp', field: 'dport' }, 8472),
            match('==', { base: 'th', offset: 96, len: 24 }, 4711),
            match('!=', { protocol: 'ip', field: 'saddr' }, '@members'),
            { drop: null },
          ],
        },
      },
    ];
    change(objects);
    return JSON.stringify({ nftables: objects });
  };

  test('is read as what was written', () => {
    assert.deepEqual(parseSenders(listed()), senders);
  });

  test('is none of podwire’s when anything is missing, besides or otherwise', () => {
    assert.equal(parseSenders('{'), 'altered');
    assert.equal(parseSenders(listed((objects) => objects.pop())), 'altered');
    assert.equal(parseSenders(listed((objects) => objects.push(objects.at(-1)!))), 'altered');
    assert.equal(parseSenders(listed((objects) => (objects[3]!['chain']!['policy'] = 'drop'))), 'altered');
    assert.equal(parseSenders(listed((objects) => (objects[2]!['set']!['type'] = 'ipv6_addr'))), 'altered');
    assert.equal(parseSenders(listed((objects) => (objects[1]!['table']!['flags'] = 'dormant'))), 'altered');
  });
});

describe('who may send', () => {
  const member = (podUid: string, vtep: string, sendsFrom?: string[]) => ({
    ...{ podUid, vtep, mac: '', addresses: [] },
    ...(sendsFrom === undefined ? {} : { sendsFrom }),
  });
  const desired = {
    members: [member('a', '10.0.0.1'), member('b', '10.0.0.3', ['10.7.0.3']), member('c', 'fd00::2')],
    ...{ vtep: '10.0.0.1', podUid: 'a', peers: ['10.9.0.9', 'fd00::9'], flood: true },
    tunnel: { vni: 4711, dstPort: 8472 },
  };

  test('are the other members, by all addresses that they send from, and the declared peers, of the family', () => {
    assert.deepEqual(desiredSenders(desired)?.from, ['10.0.0.3', '10.7.0.3', '10.9.0.9']);
    assert.deepEqual(desiredSenders({ ...desired, flood: false })?.from, desiredSenders(desired)?.from);
    assert.equal(desiredSenders({ ...desired, tunnel: undefined }), undefined);
  });

  test('are besides, on a link that somebody else made, those whom it sends to', () => {
    const entries = [{ mac: '00:00:00:00:00:00', destination: '10.8.0.8' }];
    assert.deepEqual(withDestinations(senders, '10.0.0.1', entries).from, ['10.0.0.2', '10.0.0.3', '10.8.0.8']);
  });

  test('are written anew where the table is of another tunnel, and by few elements where it is of this one', () => {
    assert.equal(sendersDifference(senders, senders), undefined);
    assert.equal(sendersDifference({ ...senders, vni: 1 }, senders)?.kind, 'replace');
    assert.equal(sendersDifference('altered', senders)?.kind, 'replace');
    const change = sendersDifference({ ...senders, from: ['10.0.0.3', '10.0.0.9'] }, senders);
    assert.ok(change?.kind === 'change');
    assert.deepEqual([change.admit, change.refuse], [['10.0.0.2'], ['10.0.0.9']]);
  });
});

describe('a node without nftables', () => {
  const failing = { ...notStarted(''), code: 1, stderr: 'Error: Could not process rule: Operation not supported\n' };

  test('is warned of once, and goes on without', async () => {
    const warnings: unknown[] = [];
    const log = { warn: (...of: unknown[]) => void warnings.push(of) } as never;
    assert.equal(await senderFiltering(true, () => whyNoSenderRules(async () => failing), log), 'unavailable');
    assert.match(JSON.stringify(warnings), /Operation not supported.*PODWIRE_MEMBERS_ONLY=false/);
    assert.equal(await senderFiltering(false, () => whyNoSenderRules(async () => failing), log), 'unavailable');
    assert.equal(warnings.length, 1);
  });

  test('is not what one is taken for that is slow to answer', async () => {
    const slow = { ...notStarted(''), timedOut: true };
    assert.equal(
      await senderFiltering(true, () => whyNoSenderRules(async () => slow), { warn: () => assert.fail('warned') }),
      'on',
    );
  });
});
