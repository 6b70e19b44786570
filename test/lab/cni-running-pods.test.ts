/** CNI networks of running pods, attached and detached by editing NPWG's annotation, with the reference plugins. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { bridgeConfig, defineNetworks, npwgStatus, reservations, wantNetworks } from './cni-networks.ts';
import { labTest, waitFor, waitLink } from './harness.ts';

const SOON = { limitMs: 10_000, everyMs: 50 };

describe('a running pod with CNI networks', () => {
  const t = labTest('cni');
  let p: PodRef;

  before(async () => {
    await defineNetworks(t.lab, t.namespace, {
      plain: bridgeConfig('plain', 'br-plain'),
      addressed: bridgeConfig('addressed', 'br-addr', '10.77.0.0/24'),
    });
    [p] = (await t.createPods([{ name: 'p', node: t.node(0) }])) as [PodRef];
  });

  test('gets the interface it asks for, with its address, and the standard status says so', async () => {
    await wantNetworks(t.lab, p, [{ name: 'addressed', interface: 'data0' }]);
    const link = await waitLink(t.lab, p, 'data0', (seen) => seen?.up === true);
    assert.match(link?.addresses.join() ?? '', /^10\.77\.0\.\d+\/24$/);
    const status = await waitFor(
      'the status',
      async () => {
        const entries = await npwgStatus(t.lab, p);
        return entries.length > 0 ? entries : undefined;
      },
      SOON,
    );
    assert.deepEqual(
      status.map(({ name, interface: of, ips, mac }) => ({ name, of, ips, mac })),
      [{ name: `${t.namespace}/addressed`, of: 'data0', ips: [link?.addresses[0]?.split('/')[0]], mac: link?.mac }],
    );
    assert.equal(reservations(t.lab, t.node(0), 'addressed').length, 1);
  });

  test('has its default route where it asks for it, and its own again without', async () => {
    const wayOut = async (): Promise<string> =>
      /dev (\S+)/.exec(await t.exec(p, ['ip', 'route', 'get', '192.0.2.1']))?.[1] ?? '';
    assert.equal(await wayOut(), 'eth0');
    await wantNetworks(t.lab, p, [{ name: 'addressed', interface: 'data0', 'default-route': ['10.77.0.1'] }]);
    await waitFor('the default route by data0', async () => ((await wayOut()) === 'data0' ? true : undefined), SOON);
    await wantNetworks(t.lab, p, [{ name: 'addressed', interface: 'data0' }]);
    await waitFor('the default route by eth0', async () => ((await wayOut()) === 'eth0' ? true : undefined), SOON);
    await waitLink(t.lab, p, 'data0', (seen) => seen?.up === true);
  });

  test('keeps the first and gets a second one, named by its place', async () => {
    const kept = await podLink(t.lab, p, 'data0');
    await wantNetworks(t.lab, p, [{ name: 'addressed', interface: 'data0' }, { name: 'plain' }]);
    await waitLink(t.lab, p, 'net2', (seen) => seen?.up === true);
    assert.deepEqual(await podLink(t.lab, p, 'data0'), kept);
  });

  test('loses both with the annotation, and every reservation with them', async () => {
    await wantNetworks(t.lab, p, null);
    await waitLink(t.lab, p, 'data0', (seen) => seen === undefined);
    await waitLink(t.lab, p, 'net2', (seen) => seen === undefined);
    await waitFor('the status to be empty', async () => (await npwgStatus(t.lab, p)).length === 0 || undefined, SOON);
    assert.deepEqual(reservations(t.lab, t.node(0), 'addressed'), []);
  });
});
