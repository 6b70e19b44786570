/** What the primary network answers where something is missing, and what it leaves alone. The work itself is tested on the kernel. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createPrimary } from '../../../activities/primary/primary-cni.ts';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { openLeaseFiles } from '../../../adapters/primary/lease-files.ts';
import { CniAnswerError, type PodCni, type PodCniCall } from '../../../domain/cni-server/pod-cni.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { podRange } from '../../../domain/primary/addressing.ts';

const NEVER = new AbortController().signal;
const leavePlace = (): void => undefined;
const text = '10.1.1.0/29';
const RANGE = { ...podRange(ipNumbers.subnet(text) ?? assert.fail()), text, excluded: [] };

const call = (containerId: string, change: Partial<PodCniCall> = {}): PodCniCall => ({
  ...{ containerId, netns: `/run/netns/${containerId}`, ifName: 'eth0', config: { name: 'net' } },
  pod: { namespace: 'shop', name: containerId, uid: undefined },
  ...change,
});

async function parts(t: TestContext, others: Partial<PodCni> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-primary-'));
  const leases = await openLeaseFiles({ dir: join(dir, 'leases'), restMs: 60_000, ip: ipNumbers });
  t.after(async () => {
    await leases.close();
    rmSync(dir, { recursive: true });
  });
  const asked: string[] = [];
  const world = {
    ranges: [RANGE] as (typeof RANGE)[] | undefined,
    open: (): void => undefined,
    wire: (): void => undefined,
    unwire: (): void => undefined,
    mtu: 1450,
  };
  const primary = createPrimary({
    ...{ leases, ip: ipNumbers, mtu: () => world.mtu, failpoints: { hit: async () => undefined } },
    subnets: {
      get ranges() {
        return world.ranges;
      },
      why: 'the API is away',
    },
    links: {
      open: async (path) => {
        world.open();
        return { identity: { path, inode: '1', ctimeNs: '1' }, close: async () => void asked.push('close') };
      },
    },
    wiring: {
      wire: async (_, { hostName }) => {
        world.wire();
        asked.push(`wire ${hostName}`);
        return [];
      },
      check: async () => [],
      unwire: async ({ hostName }) => {
        world.unwire();
        return asked.push(`unwire ${hostName}`) > 0;
      },
    },
    others: {
      add: async ({ config }) => config['prevResult'] as object as Record<string, unknown>,
      del: async () => void asked.push('others'),
      check: async () => undefined,
      gc: async () => undefined,
      status: () => assert.fail('others make no node unready'),
      ...others,
    },
    duties: {
      added: (sandboxId) => void asked.push(`added ${sandboxId}`),
      beforeRemoval: async (sandboxId) => void asked.push(`hooks ${sandboxId}`),
      ended: (sandboxId) => void asked.push(`ended ${sandboxId}`),
    },
    observer: {
      refused: () => undefined,
      left: (sandboxId, why) => asked.push(`left ${sandboxId}: ${(why as Error).message}`),
    },
  });
  const living = (): string[] =>
    leases.leases().flatMap(({ sandboxId, releasedAt }) => (releasedAt === undefined ? [sandboxId] : []));
  return { primary, world, asked, living };
}

const answers = (work: Promise<unknown>, code: number, message: RegExp): Promise<void> =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof CniAnswerError, String(error));
    assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
    return true;
  });

describe('an ADD of the primary network', () => {
  it('is tried again where the addresses are not known, and STATUS says so', async (t) => {
    const { primary, world, living } = await parts(t);
    await primary.status({}, NEVER);
    world.ranges = undefined;
    await answers(primary.add(call('a'), NEVER, leavePlace), 11, /no pod can have an address here: the API is away/);
    await answers(primary.status({}, NEVER), 50, /the API is away/);
    assert.deepEqual(living(), []);
  });

  it('is tried again on a full node, which is told by its code', async (t) => {
    const { primary } = await parts(t);
    for (const name of ['a', 'b', 'c', 'd']) await primary.add(call(name), NEVER, leavePlace);
    await answers(primary.add(call('e'), NEVER, leavePlace), 11, /^AddressesExhausted: no address of 10\.1\.1\.0\/29/);
  });

  it('gives each pod the MTU that the tunnels have when it comes', async (t) => {
    const { primary, world } = await parts(t);
    const mtuOf = async (name: string): Promise<unknown> => {
      const { interfaces } = (await primary.add(call(name), NEVER, leavePlace)) as { interfaces: { mtu?: number }[] };
      return interfaces.map(({ mtu }) => mtu);
    };
    assert.deepEqual(await mtuOf('a'), [1450, 1450]);
    world.mtu = 8950;
    assert.deepEqual(await mtuOf('b'), [8950, 8950]);
  });

  it('takes no address for a namespace that is not there', async (t) => {
    const { primary, world, living } = await parts(t);
    const fails = (code: 'SandboxGone' | 'NetnsRefused') => () => {
      throw new PodwireError(code, 'no');
    };
    world.open = fails('SandboxGone');
    await answers(primary.add(call('a'), NEVER, leavePlace), 3, /SandboxGone/);
    world.open = fails('NetnsRefused');
    await answers(primary.add(call('a'), NEVER, leavePlace), 4, /NetnsRefused/);
    await answers(primary.add(call('a', { netns: undefined }), NEVER, leavePlace), 4, /CNI_NETNS is missing/);
    assert.deepEqual(living(), []);
  });

  it('says what the kernel refuses, and its DEL gives the address back', async (t) => {
    const { primary, world, asked, living } = await parts(t);
    world.wire = () => {
      throw new PodwireError('LinkConflict', 'eth0 is another one');
    };
    await answers(primary.add(call('a'), NEVER, leavePlace), 100, /^LinkConflict: eth0 is another one/);
    assert.deepEqual([asked, living()], [['close'], ['a']]);
    await primary.del(call('a'), NEVER, leavePlace);
    assert.deepEqual([asked.slice(1), living()], [['others', 'hooks a', 'unwire pwp0a010102', 'ended a'], []]);
  });

  it('is not undone by a GC whose list is from before', async (t) => {
    let gc: Promise<void> | undefined;
    const found = await parts(t, {
      add: async ({ config }) => {
        gc = found.primary.gc({}, [], NEVER);
        await gc;
        return config['prevResult'] as Record<string, unknown>;
      },
    });
    await found.primary.add(call('a'), NEVER, leavePlace);
    assert.deepEqual(found.living(), ['a']);
    await found.primary.gc({}, [], NEVER);
    assert.deepEqual(found.living(), []);
  });
});

describe('the other networks of a pod on the primary one', () => {
  const away = (): Promise<never> => Promise.reject(new PodwireError('EtcdUnavailable', 'etcd is away'));

  it('are told of and hold up nothing where they cannot be asked', async (t) => {
    const { primary, asked, living } = await parts(t, { del: away, check: away, gc: away });
    await primary.add(call('a'), NEVER, leavePlace);
    await primary.check(call('a'), NEVER);
    await primary.gc({}, [{ containerId: 'a', ifName: 'eth0' }], NEVER);
    await primary.del(call('a'), NEVER, leavePlace);
    assert.deepEqual(
      asked.filter((each) => each.startsWith('left')),
      ['left a: etcd is away', 'left undefined: etcd is away', 'left a: etcd is away'],
    );
    assert.deepEqual(living(), []);
  });

  it('do not keep a pod whose DEL they do not answer', async (t) => {
    const limit = new AbortController();
    const { primary, living } = await parts(t, { del: () => new Promise(() => limit.abort(new Error('too long'))) });
    await primary.add(call('a'), NEVER, leavePlace);
    await primary.del(call('a'), limit.signal, leavePlace);
    assert.deepEqual(living(), []);
  });
});

describe('what follows from a call of the primary network', () => {
  const told = (asked: readonly string[]): string[] =>
    asked.filter((each) => /^(added|hooks|unwire|ended)/.test(each)).map((each) => each.replace(/ pwp\w+/, ''));

  it('is told of behind an ADD and a DEL, and once where the runtime ends a pod several times', async (t) => {
    const { primary, asked } = await parts(t);
    await primary.add(call('a'), NEVER, leavePlace);
    await primary.del(call('a'), NEVER, leavePlace);
    await primary.del(call('a'), NEVER, leavePlace);
    await primary.del(call('unknown'), NEVER, leavePlace);
    assert.deepEqual(told(asked), ['added a', 'hooks a', 'unwire', 'ended a', 'unwire']);
  });

  it('is told of a GC’s ends as well', async (t) => {
    const { primary, asked } = await parts(t);
    await primary.add(call('a'), NEVER, leavePlace);
    await primary.gc({}, [], NEVER);
    assert.deepEqual(told(asked), ['added a', 'unwire', 'ended a']);
  });

  it('is told of a DEL that the kernel refused, so that somebody finishes it', async (t) => {
    const { primary, asked, world, living } = await parts(t);
    await primary.add(call('a'), NEVER, leavePlace);
    world.unwire = () => {
      throw new PodwireError('KernelBusy', 'no');
    };
    await answers(primary.del(call('a'), NEVER, leavePlace), 11, /^KernelBusy/);
    assert.deepEqual([told(asked), living()], [['added a', 'hooks a', 'ended a'], ['a']]);
  });
});
