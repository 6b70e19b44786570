import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asInSandbox } from '../../../domain/status/as-in-sandbox.ts';
import { mergedNpwgStatus } from '../../../domain/npwg/npwg-status.ts';
import { networkStatus, publishedLinks, recordedLinks, type OwnLink } from '../../../domain/status/podwire-status.ts';
import type { CniAttachmentRecord, LinkResult } from '../../../domain/records.ts';
import { cniIntent, intent, RESULT } from '../../etcd/some-records.ts';

const MULTUS = {
  name: 'cbr0',
  interface: 'eth0',
  ips: ['10.244.0.5'],
  mac: '02:00:00:00:00:99',
  default: true,
  dns: {},
};

const attached = (
  interfaceName = 'net1',
  result: Partial<LinkResult> = {},
  change: Partial<CniAttachmentRecord> = {},
): CniAttachmentRecord =>
  cniIntent('red', { phase: 'attached', result: { ...RESULT, ...result }, interfaceName, ...change });
const plain = (record: CniAttachmentRecord): CniAttachmentRecord => ({
  ...record,
  cni: { ...record.cni, defaultRoute: [] },
});

/** As podwire's status tells of `attached()`. */
const link = (result: Partial<LinkResult> = {}): Omit<OwnLink, 'interfaceName'> => {
  const { mac, addresses } = { ...RESULT, ...result };
  return { isAttached: true, mac, ips: addresses };
};

const merged = (
  current: unknown,
  own: readonly string[],
  ...records: Parameters<typeof mergedNpwgStatus>[2]
): unknown => {
  const text = typeof current === 'string' || current === undefined ? current : JSON.stringify(current);
  const links = own.map((interfaceName): OwnLink => ({ ...link(), interfaceName }));
  const written = mergedNpwgStatus(text, links, records);
  return written === undefined ? undefined : (JSON.parse(written) as unknown);
};
const interfaces = (status: unknown): unknown[] =>
  (status as { interface?: unknown }[]).map((entry) => entry.interface);

describe('an entry of the NPWG network-status', () => {
  it('says what the kernel showed, addresses without their prefix', () => {
    const record = plain(attached('net1', { addresses: ['10.1.0.1/24', 'fd00::1/64'] }));
    assert.deepEqual(merged(undefined, [], record), [
      {
        ...{ name: 'red/green', interface: 'net1', ips: ['10.1.0.1', 'fd00::1'] },
        ...{ mac: '02:00:00:00:00:01', mtu: 1450, default: false, dns: {} },
      },
    ]);
  });

  it('has what only the plugins know: DNS and gateways', () => {
    const dns = { nameservers: ['10.1.0.2'], domain: 'lab', search: ['a.lab'] };
    const [entry] = merged(undefined, [], plain(attached('net1', { dns, gateways: ['10.1.0.254'] }))) as [object];
    assert.deepEqual(entry, { ...entry, dns, gateway: ['10.1.0.254'] });
  });

  it('has the default route that the pod asked for before the gateways of the network', () => {
    const [entry] = merged(undefined, [], attached('net1', { gateways: ['10.1.0.254'] })) as [{ gateway: unknown }];
    assert.deepEqual(entry.gateway, ['10.2.0.1']);
  });

  it('says which default route the pod asked for', () => {
    const [asked] = merged(undefined, [], attached('net1')) as [Record<string, unknown>];
    assert.deepEqual(asked['default-route'], ['10.2.0.1']);
    const [not] = merged(undefined, [], plain(attached('net1'))) as [object];
    assert.ok(!Object.hasOwn(not, 'default-route'));
  });

  it('is followed by one for each other interface in the pod that the plugins report, for as long as it is attached', () => {
    const others = [{ interfaceName: 'net1.7', mac: '02:00:00:00:00:07', addresses: ['10.7.0.5/24'] }];
    const record = plain(attached('net1', { others }));
    const status = merged([MULTUS], [], record) as unknown[];
    assert.deepEqual(interfaces(status), ['eth0', 'net1', 'net1.7']);
    assert.deepEqual(status[2], {
      ...{ name: 'red/green', interface: 'net1.7', ips: ['10.7.0.5'], mac: '02:00:00:00:00:07' },
      ...{ default: false, dns: {} },
    });
    assert.equal(merged(status, ['net1'], record), undefined, 'is written once');
    const published = publishedLinks(JSON.stringify(networkStatus([record], [], [], [])));
    const after = mergedNpwgStatus(JSON.stringify(status), published, []);
    assert.deepEqual(JSON.parse(after ?? ''), [MULTUS], 'goes with it');
  });

  it('names the namespace that is called like the cluster’s scope', () => {
    const network = { scope: 'namespace.cluster', name: 'green' };
    const [entry] = merged(undefined, [], attached('net1', {}, { network })) as [{ name: string }];
    assert.equal(entry.name, 'cluster/green');
  });
});

describe('the NPWG network-status', () => {
  it('is not written for what is not attached, and not for VXLAN links', () => {
    const { link } = intent('red', 7);
    const vxlan = intent('red', 7, { phase: 'attached', result: RESULT, link });
    assert.equal(merged(undefined, [], vxlan, cniIntent('red')), undefined);
    assert.equal(merged(undefined, [], cniIntent('red', { phase: 'removing' })), undefined, 'never attached');
    assert.equal(merged([MULTUS], [], cniIntent('red')), undefined);
  });

  it('keeps the entries of others, in their order, before its own', () => {
    const other = { ...MULTUS, interface: 'net7', default: false, 'device-info': { type: 'pci', version: '1.1.0' } };
    const status = merged([MULTUS, other], [], attached('net2'), attached('net1')) as unknown[];
    assert.deepEqual(status.slice(0, 2), [MULTUS, other]);
    assert.deepEqual(interfaces(status), ['eth0', 'net7', 'net2', 'net1']);
  });

  it('lists the pod’s own network where no other runtime wrote it, for as long as anything is attached', () => {
    const podIPs = ['10.244.0.5', 'fd00::5'];
    const first = mergedNpwgStatus(undefined, [], [attached('net1')], podIPs) ?? '';
    const [own, ...others] = JSON.parse(first) as unknown[];
    assert.deepEqual(own, { name: 'default', interface: 'eth0', ips: podIPs, default: true, dns: {} });
    assert.deepEqual(interfaces(others), ['net1']);
    const links = [{ ...link(), interfaceName: 'net1' }];
    assert.equal(mergedNpwgStatus(first, links, [attached('net1')], podIPs), undefined, 'once');
    const moved = mergedNpwgStatus(first, links, [attached('net1')], ['10.244.0.6']) ?? '';
    assert.deepEqual((JSON.parse(moved) as { ips: unknown }[])[0]?.ips, ['10.244.0.6']);
    assert.deepEqual(interfaces(JSON.parse(moved)), ['eth0', 'net1']);
    assert.equal(mergedNpwgStatus(first, links, [], podIPs), '[]', 'is gone with the last one');
    const beside = mergedNpwgStatus(JSON.stringify([MULTUS]), [], [attached('net1')], podIPs) ?? '';
    assert.deepEqual(interfaces(JSON.parse(beside)), ['eth0', 'net1'], 'Multus wrote it');
  });

  it('loses the entries that were its own and are not attached any more, and no others', () => {
    const before = merged([MULTUS], [], attached('net1'), attached('net2'));
    assert.deepEqual(interfaces(merged(before, ['net1', 'net2'], attached('net2'))), ['eth0', 'net2']);
    assert.deepEqual(merged(before, ['net1', 'net2']), [MULTUS]);
    assert.deepEqual(merged(merged(undefined, [], attached('net1')), ['net1']), []);
  });

  it('keeps what another runtime wrote under the interface of a link in an earlier sandbox', () => {
    const theirs = { name: 'red/green', interface: 'net1', ips: ['10.9.0.9'], mac: '02:00:00:00:00:99', dns: {} };
    assert.equal(merged([MULTUS, theirs], ['net1']), undefined, 'when the record is gone');
    assert.equal(merged([MULTUS, theirs], ['net1'], attached('net1')), undefined, 'while it is still there');
    assert.deepEqual(interfaces(merged([theirs], ['net1'], attached('net1'), attached('net2'))), ['net1', 'net2']);
  });

  it('keeps the entry of a link that is being removed, and loses it with the record, whoever has that from the status only', () => {
    const leaving = attached('net1', {}, { phase: 'removing' });
    const before = JSON.stringify(merged([MULTUS], [], attached('net1')));
    const published = publishedLinks(JSON.stringify(networkStatus([leaving], [], [], [])));
    assert.equal(mergedNpwgStatus(before, published, [leaving]), undefined);
    assert.deepEqual(JSON.parse(mergedNpwgStatus(before, published, []) ?? ''), [MULTUS]);
    const known = recordedLinks([leaving]);
    const elsewhere = mergedNpwgStatus(before, known, [asInSandbox(leaving, 'another')]);
    assert.deepEqual(JSON.parse(elsewhere ?? ''), [MULTUS], 'the pod has left its sandbox');
  });

  it('names a link that is being removed as it was made, also when the removal undoes an edit', () => {
    const { cni, dialect, configText, definitionUid } = attached();
    const network = { scope: 'red', name: 'earlier' };
    const edited = attached(
      'net1',
      {},
      { phase: 'removing', madeWith: { network, cni, dialect, configText, definitionUid } },
    );
    const [entry] = merged(undefined, [], asInSandbox(edited, undefined)) as [{ name: string }];
    assert.equal(entry.name, 'red/earlier');
  });

  it('has one entry per interface of its own, the newest', () => {
    const before = merged(undefined, [], attached('net1', { mtu: 1400 }));
    const status = merged(before, [], attached('net1', { mtu: 1500 })) as { mtu: number }[];
    assert.deepEqual(
      status.map(({ mtu }) => mtu),
      [1500],
    );
  });

  it('is not written again when it says the same already, however it is laid out', () => {
    const before = merged([MULTUS], [], attached('net1'));
    assert.equal(merged(before, ['net1'], attached('net1')), undefined);
    assert.equal(merged(JSON.stringify(before, null, 4), ['net1'], attached('net1')), undefined);
    assert.equal(merged([MULTUS], ['net1']), undefined);
  });

  it('that nobody can read is not replaced by nothing, but by what is attached', () => {
    for (const garbage of ['', 'nonsense', '{}', '"x"', 'null']) {
      assert.equal(merged(garbage, ['net1']), undefined, garbage);
      assert.deepEqual(interfaces(merged(garbage, [], attached('net1'))), ['net1'], garbage);
    }
  });

  it('keeps entries that are no objects', () => {
    const status = merged([null, 7, MULTUS], [], attached('net1')) as unknown[];
    assert.deepEqual(status.slice(0, 3), [null, 7, MULTUS]);
  });
});
