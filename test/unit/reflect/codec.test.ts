import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createReflectCodec } from '../../../adapters/reflect/codec.ts';
import { convert } from '../../../domain/reflect/convert.ts';
import { equalRecords } from '../../../domain/reflect/equal.ts';
import { REFLECT_KINDS, type RecordKind } from '../../../domain/reflect/kinds.ts';
import type { ReflectedRecord } from '../../../domain/reflect/records.ts';
import { REFLECT_ENCODINGS } from '../../../domain/reflect/settings.ts';
import { ARBITRARY } from './arbitrary-objects.ts';

const ALL_KINDS: readonly RecordKind[] = [...REFLECT_KINDS, 'podNetworks', 'stats', 'nodeId'];
const codecs = REFLECT_ENCODINGS.map((encoding) => ({ encoding, ...createReflectCodec(encoding) }));
const [json, jsonpb, protobuf] = codecs;
assert.ok(json && jsonpb && protobuf);
const text = (kind: RecordKind, record: ReflectedRecord, codec = jsonpb): string =>
  Buffer.from(codec.encode(kind, record)).toString('utf8');
const read = (kind: RecordKind, value: string): ReflectedRecord | undefined => jsonpb.decode(kind, Buffer.from(value));

describe('the codec of reflected records', () => {
  for (const kind of REFLECT_KINDS) {
    it(`reads back every ${kind} that it wrote, in each encoding`, () => {
      fc.assert(
        fc.property(ARBITRARY[kind], (object) => {
          const made = convert(kind, object);
          assert.ok(made.ok, made.ok ? '' : made.reason);
          for (const codec of codecs) {
            const bytes = codec.encode(kind, made.record);
            assert.deepEqual(codec.decode(kind, bytes), made.record, codec.encoding);
            assert.ok(codec.encode(kind, codec.decode(kind, bytes) as ReflectedRecord).every((b, i) => b === bytes[i]));
          }
        }),
        { numRuns: 150 },
      );
    });
  }

  it('makes nothing of garbage, and never throws', () => {
    const none = (bytes: Uint8Array, kind: RecordKind): void => {
      const got = jsonpb.decode(kind, bytes);
      // Bytes that happen to be a message are one: they can be written and read again.
      if (got !== undefined) assert.deepEqual(protobuf.decode(kind, protobuf.encode(kind, got)), got);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...ALL_KINDS), none), { numRuns: 2_000 });
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(...ALL_KINDS), (value, kind) => none(Buffer.from(value), kind)),
      { numRuns: 300 },
    );
    const garbage = [
      '',
      '{',
      '{}',
      '[]',
      'null',
      '{"name":3}',
      '{"name":"p"}',
      'garbage',
      '{"name":"p","namespace":"n"}}',
    ];
    for (const value of garbage) assert.equal(read('pod', value), undefined, value);
    assert.equal(jsonpb.decode('pod', Buffer.from('7b226e616d65223a22ff227d', 'hex')), undefined, 'no UTF-8');
    assert.equal(read('pod', '{"a":'.repeat(100_000)), undefined);
    assert.equal(read('pod', `{"name":"p","namespace":"n","container":[{"port":[{"protocol":"DCCP"}]}]}`), undefined);
    assert.equal(read('pod', `{"name":"p","namespace":"n","container":{}}`), undefined);
    assert.equal(read('service', `{"name":"p","namespace":"n","selector":{"a":1}}`), undefined);
    assert.equal(read('service', `{"name":"p","namespace":"n","session_affinity_timeout":-1}`), undefined);
  });

  it('writes 64-bit numbers as jsonpb does, and reads them quoted or not', () => {
    const stats = { podStats: { Adds: 12, ResErrors: 2 ** 40 }, nodeStats: {} };
    assert.equal(text('stats', stats), '{"podStats":{"Adds":"12","ResErrors":"1099511627776"},"nodeStats":{}}');
    assert.equal(text('stats', stats, json), '{"podStats":{"Adds":12,"ResErrors":1099511627776},"nodeStats":{}}');
    for (const codec of codecs) assert.deepEqual(jsonpb.decode('stats', codec.encode('stats', stats)), stats);
    assert.equal(read('stats', '{"podStats":{"Adds":"18446744073709551615"}}'), undefined, 'not rounded');
  });

  it('has no quotes around 32-bit numbers', () => {
    const service = { name: 's', namespace: 'n', session_affinity_timeout: 10_800 };
    assert.equal(text('service', service), '{"name":"s","namespace":"n","session_affinity_timeout":10800}');
  });

  it('reads what KSR wrote: enums as words or numbers, fields that are null or empty, fields of later releases', () => {
    const expected = { name: 'p', namespace: 'n', pods: {}, policy_type: 'INGRESS_AND_EGRESS' } as const;
    for (const type of ['3', '"INGRESS_AND_EGRESS"']) {
      assert.deepEqual(
        read(
          'policy',
          `{"namespace":"n","name":"p","label":[],"pods":{},"egress_rule":null,"policy_type":${type},"later":[1]}`,
        ),
        expected,
      );
    }
    assert.deepEqual(read('service', '{"name":"s","namespace":"n","selector":{},"port":[]}'), {
      name: 's',
      namespace: 'n',
    });
    assert.deepEqual(read('nodeId', '{"id":3,"name":"n3","ip_address":"10.0.0.3/24","ip_addresses":["a"]}'), {
      id: 3,
      name: 'n3',
    });
  });

  it('writes a value that a strict reader of jsonpb takes: no field and no word that KSR does not have', () => {
    const policy = {
      name: 'p',
      namespace: 'n',
      label: [{ key: 'zz', value: '1' }],
      pods: {},
      ingress_rule: [
        {
          port: [{ protocol: 'SCTP', port: { number: 1 }, end_port: 9 }],
          from: [{ pods: {}, pod_namespaces: { match_label: [{ key: 'a', value: '"' }] } }],
        },
      ],
    } as const;
    const value = text('policy', policy);
    for (const unknown of ['"end_port":', '"pod_namespaces":', '"SCTP"']) assert.ok(!value.includes(unknown), value);
    assert.deepEqual(read('policy', value), policy);
    assert.deepEqual(read('policy', value.replace('from/0', 'from/7')), undefined, 'an addition that leads nowhere');
    assert.deepEqual(read('policy', value.replace('"SCTP"', '2')), policy);
    assert.match(text('policy', policy, json), /"protocol":2,"port":\{"number":1\},"end_port":9/);
  });

  it('leaves a label alone that only looks like the one with the additions', () => {
    const pod = { name: 'p', namespace: 'n', label: [{ key: 'podwire.io/additions', value: 'yes' }] };
    for (const codec of codecs) assert.deepEqual(jsonpb.decode('pod', codec.encode('pod', pod)), pod);
  });

  it('knows records of podwire itself', () => {
    const networks = {
      name: 'p',
      namespace: 'n',
      network: [
        { name: 'green', kind: 'vxlan', interface_name: 'eth1', ip_addresses: ['10.9.0.1/24', 'fd00::1/64'], vni: 42 },
      ],
    };
    for (const codec of codecs)
      assert.deepEqual(jsonpb.decode('podNetworks', codec.encode('podNetworks', networks)), networks);
  });
});

describe('equalRecords', () => {
  const pod = (label: readonly object[]): ReflectedRecord => ({ name: 'p', namespace: 'n', label });
  const a = { key: 'a', value: '1' };
  const b = { key: 'b', value: '2' };

  it('takes labels in any order for the same, as old releases of KSR wrote them', () => {
    assert.ok(equalRecords(pod([a, b]), pod([b, a])));
    assert.ok(!equalRecords(pod([a, b]), pod([a, a])));
    assert.ok(!equalRecords(pod([a, b]), pod([a])));
    const selecting = (match_label: readonly object[]): ReflectedRecord => ({
      name: 'p',
      namespace: 'n',
      pods: { match_label },
    });
    assert.ok(equalRecords(selecting([a, b]), selecting([b, a])));
  });

  it('takes every other order, and an empty selector, for a difference', () => {
    const service = (external_ips: readonly string[]): ReflectedRecord => ({ name: 's', namespace: 'n', external_ips });
    assert.ok(!equalRecords(service(['1', '2']), service(['2', '1'])));
    const peer = (from: readonly object[]): ReflectedRecord => ({
      name: 'p',
      namespace: 'n',
      ingress_rule: [{ from }],
    });
    assert.ok(!equalRecords(peer([{ pods: {} }]), peer([{}])));
    assert.ok(!equalRecords(peer([{ pods: {} }]), peer([{ namespaces: {} }])));
  });
});
