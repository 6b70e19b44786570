import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nodeSettings, settingsToRead } from '../../../domain/primary/node-settings.ts';

const LINKS = ['all', 'default', 'eth0'];
const BOTH = new Set([4, 6] as const);
const [FORWARD_4, FORWARD_6] = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];
const reverse = (link: string): string => `net/ipv4/conf/${link}/rp_filter`;
const hears = (link: string): string => `net/ipv6/conf/${link}/accept_ra`;

/** A node as the kernel makes it, but for what is said. */
const node = (said: Record<string, string> = {}): Map<string, string> => {
  const now = new Map(settingsToRead(LINKS).map((path) => [path, '0']));
  for (const link of LINKS) now.set(hears(link), '1');
  for (const [path, value] of Object.entries(said)) now.set(path, value);
  return now;
};
const changes = (now: ReadonlyMap<string, string>, families: ReadonlySet<4 | 6> = BOTH) =>
  Object.fromEntries(nodeSettings(now, LINKS, families));

describe('a node whose pods are on the primary network', () => {
  it('forwards in the families that its pods have, and in no other one', () => {
    assert.deepEqual(changes(node(), new Set([4])), { [FORWARD_4]: '1' });
    assert.equal(changes(node(), new Set([6]))[FORWARD_4], undefined);
    assert.equal(changes(node(), new Set([6]))[FORWARD_6], '1');
  });

  it('goes on hearing router advertisements where it heard them, and says so before it forwards', () => {
    const said = nodeSettings(node({ [hears('eth0')]: '1', [hears('default')]: '0' }), LINKS, new Set([6]));
    assert.deepEqual(
      [...said],
      [
        [hears('eth0'), '2'],
        [FORWARD_6, '1'],
      ],
    );
  });

  it('that is a router already does not begin to hear them', () => {
    assert.deepEqual(changes(node({ [FORWARD_6]: '1' }), new Set([6])), {});
  });

  it('lets a pod’s link be strict where all are loose, and all others stay as they were in force', () => {
    assert.deepEqual(changes(node({ [reverse('all')]: '2', [reverse('eth0')]: '1' }), new Set([4])), {
      [reverse('default')]: '2',
      [reverse('eth0')]: '2',
      [reverse('all')]: '0',
      [FORWARD_4]: '1',
    });
    assert.equal(changes(node({ [reverse('all')]: '1' }))[reverse('all')], undefined);
  });

  it('without IPv6 is asked for nothing of it', () => {
    const now = new Map([...node()].filter(([path]) => !path.startsWith('net/ipv6/')));
    assert.deepEqual(changes(now), { [FORWARD_4]: '1' });
  });

  it('is as it is to be after one time, whatever it was', () => {
    const value = fc.constantFrom('0', '1', '2');
    const any = fc.dictionary(fc.constantFrom(...settingsToRead(LINKS)), value);
    fc.assert(
      fc.property(any, fc.constantFrom(new Set([4] as const), new Set([6] as const), BOTH), (said, families) => {
        const before = node(said);
        const after = new Map([...before, ...nodeSettings(before, LINKS, families)]);
        assert.deepEqual([...nodeSettings(after, LINKS, families)], []);
        if (!families.has(4)) return;
        assert.notEqual(after.get(reverse('all')), '2');
        // The kernel takes the higher of both.
        const inForce = (of: ReadonlyMap<string, string>): number =>
          Math.max(Number(of.get(reverse('all'))), Number(of.get(reverse('eth0'))));
        assert.equal(inForce(after), inForce(before));
      }),
    );
  });
});
