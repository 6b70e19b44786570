/** Node workers with more rights than the manifests give them, and with fewer: what a pod gets, and what the administrator is told. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { linksIn, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { inSystem, installPodwire, workerPid, workerPods } from '../../deploy/lab/installed.ts';
import { inNetns, pathOnHost, podNetnsPath } from '../../deploy/lab/lab.ts';
import { advertise } from '../kernel/router-advertisement.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { since } from './burst.ts';
import { installedWith } from './installed-with.ts';

const PRIVILEGED = 'privileged';
/** Of the kubelet's folder for such profiles. */
const PROFILE = 'podwire-test-no-mount.json';
/** As AppArmor's profile of container runtimes refuses it, on machines that have AppArmor. */
const NO_MOUNT = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    {
      names: ['mount', 'mount_setattr', 'move_mount', 'open_tree', 'fsopen', 'fsconfig', 'fsmount'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 13,
    },
  ],
};
const CANNOT_WRITE = /\/proc\/sys is read-only and may not be remounted/;
/** Prefix of the advertisements. */
const STRANGERS = /^fd99:/;

describe("a node worker's container", () => {
  const t = labTest('node-rights');
  let dir: string;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'podwire-rights-'));
  });
  after(async () => {
    await installPodwire(t.lab, { overlay: 'existing', settings: {} });
    for (const { name } of t.lab.nodes) rmSync(profileOn(name), { force: true });
    rmSync(dir, { recursive: true, force: true });
  });

  const profileOn = (node: string): string => pathOnHost(t.lab, node, join('/var/lib/kubelet/seccomp', PROFILE));

  /** Two pods of a network, on two nodes; their links are up. */
  async function members(network: string, id: number): Promise<[PodRef, PodRef]> {
    const pods = await t.createPods(
      [0, 1].map((index) => ({
        name: `${network}${index}`,
        node: t.node(index),
        networks: `${network} id=${id} ip=10.84.${id % 256}.${index + 1}/24 up=true`,
      })),
    );
    for (const pod of pods) await waitLink(t.lab, pod, network, (link) => link?.up === true && link.vni === id);
    return pods as [PodRef, PodRef];
  }

  async function acceptsAdvertisements(pod: PodRef, link: string): Promise<string> {
    const name = `net.ipv6.conf.${link}.accept_ra`;
    return (await inNetns(await podNetnsPath(t.lab, pod), 'sysctl', ['-n', name])).stdout.trim();
  }

  async function workerLog(node: string): Promise<string> {
    const [name = ''] = await workerPods(t.lab, node);
    return inSystem(t.lab, ['logs', name]);
  }

  const capabilities = async (node: string): Promise<string> => {
    const status = readFileSync(`/proc/${await workerPid(t.lab, node)}/status`, 'utf8');
    return /^CapEff:\s+(\S+)$/m.exec(status)?.[1] ?? '';
  };

  test('that is privileged makes links as one that is not, deaf to router advertisements by their switch', async (c) => {
    const began = performance.now();
    const plain = await capabilities(t.node(0));
    await installedWith(t.lab, dir, { components: [PRIVILEGED] });
    c.diagnostic(`workers were privileged after ${since(began)}`);
    const more = BigInt(`0x${await capabilities(t.node(0))}`);
    assert.equal(more & BigInt(`0x${plain}`), BigInt(`0x${plain}`));
    assert.notEqual(more, BigInt(`0x${plain}`));
    const [pod] = await members('prv', 4885);
    assert.equal(await acceptsAdvertisements(pod, 'prv'), '0');
    assert.doesNotMatch(await workerLog(t.node(0)), CANNOT_WRITE);
  });

  test('that may neither write kernel settings nor make them writable says so, and makes links that drop advertisements', async (c) => {
    const began = performance.now();
    for (const { name } of t.lab.nodes) {
      mkdirSync(dirname(profileOn(name)), { recursive: true });
      writeFileSync(profileOn(name), JSON.stringify(NO_MOUNT));
    }
    const path = '/spec/template/spec/containers/0/securityContext/seccompProfile';
    const value = { type: 'Localhost', localhostProfile: PROFILE };
    const patch = JSON.stringify([{ op: 'replace', path, value }]);
    await installedWith(t.lab, dir, { patches: [{ target: { kind: 'DaemonSet', name: 'podwire-node' }, patch }] });
    c.diagnostic(`workers were without mount(2) after ${since(began)}`);
    assert.match(await workerLog(t.node(0)), CANNOT_WRITE);

    const [deaf, stranger] = await members('non', 4886);
    assert.equal(await acceptsAdvertisements(deaf, 'non'), '1', 'the switch was not to be had');
    // One packet for both: what the other one takes has come to the deaf one too.
    const [listening] = await t.createPods([
      { name: 'listening', node: t.node(0), networks: 'non id=4886 ip=10.84.22.3/24 up=true' },
    ]);
    assert.ok(listening !== undefined);
    await waitLink(t.lab, listening, 'non', (link) => link?.up === true);
    const heard = await podNetnsPath(t.lab, listening);
    const flushed = await inNetns(heard, 'nft', ['delete', 'table', 'ip6', 'podwire']);
    assert.equal(flushed.code, 0, flushed.stderr);
    const from = await podNetnsPath(t.lab, stranger);
    const taken = async (netns: string): Promise<string[]> => {
      const links = await linksIn(netns);
      return links.flatMap(({ addresses }) => addresses.filter((address) => STRANGERS.test(address)));
    };
    await waitFor(
      'a pod without the rule to obey the advertisement',
      async () => {
        await advertise(from, 'non');
        return (await taken(heard)).length > 0 ? true : undefined;
      },
      { limitMs: 20_000, everyMs: 500 },
    );
    assert.deepEqual(await taken(await podNetnsPath(t.lab, deaf)), []);
  });
});
