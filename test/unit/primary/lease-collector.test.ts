/** What is given back of sandboxes whose DEL never came. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseCollector } from '../../../activities/primary/lease-collector.ts';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { SandboxDetails } from '../../../domain/ports/sandbox-runtime.ts';
import type { Lease } from '../../../domain/primary/lease.ts';

const NEVER = new AbortController().signal;
const lease = (sandboxId: string, more: Partial<Lease> = {}): Lease => ({
  ...{ sandboxId, ifName: 'eth0', pod: { namespace: 'default', name: sandboxId } },
  ...{ addresses: [{ family: 4, value: 167_837_954n }], sequence: 1, madeAt: 0, ...more },
});

function parts(...leases: Lease[]) {
  const asked: string[] = [];
  const world = {
    listed: [] as string[],
    described: [] as string[],
    now: 1_000_000,
    runtime: 'there',
    kernel: 'there',
  };
  const collector = new LeaseCollector({
    leases: {
      ...{ leases: () => leases, damaged: () => [], strangers: [], close: async () => undefined },
      allocate: () => assert.fail('nothing is allocated'),
      release: async ({ sandboxId }) => {
        asked.push(`release ${sandboxId}`);
        return leases.splice(
          leases.findIndex((each) => each.sandboxId === sandboxId),
          1,
        )[0];
      },
    },
    wiring: {
      wire: () => assert.fail('nothing is wired'),
      check: () => assert.fail('nothing is checked'),
      unwire: async ({ hostName }) => {
        if (world.kernel === 'away') throw new PodwireError('KernelBusy', 'busy');
        return asked.push(`unwire ${hostName}`) > 0;
      },
    },
    ...{ ip: ipNumbers, failpoints: { hit: async () => undefined } },
    listed: async () => {
      asked.push('list');
      if (world.runtime === 'away') throw new PodwireError('CriUnavailable', 'the runtime is away');
      return new Set(world.listed);
    },
    runtime: {
      describe: async (id) => (world.described.includes(id) ? ({ id } as SandboxDetails) : undefined),
    },
    now: () => world.now,
    onGone: ({ sandboxId }) => asked.push(`gone ${sandboxId}`),
  });
  const look = async (): Promise<string[]> => {
    world.now += 60_000;
    asked.length = 0;
    await collector.look(NEVER);
    return [...asked];
  };
  return { world, look, asked };
}

describe('the collector of leases', () => {
  it('gives back what two looks a minute apart have missed: the pair first, then the lease', async () => {
    const { world, look } = parts(lease('a'), lease('b'));
    world.listed = ['b'];
    assert.deepEqual(await look(), ['list']);
    assert.deepEqual(await look(), ['list', 'unwire pwp0a010102', 'release a', 'gone a']);
    assert.deepEqual(await look(), ['list']);
  });

  it('keeps what the runtime knows when it is asked for it by its id', async () => {
    const { world, look } = parts(lease('a'));
    world.described = ['a'];
    await look();
    assert.deepEqual(await look(), ['list']);
    world.described = [];
    assert.deepEqual((await look()).at(-1), 'gone a');
  });

  it('does not ask the runtime where no pod has an address', async () => {
    const { look } = parts(lease('a', { releasedAt: 1 }));
    assert.deepEqual(await look(), []);
  });

  it('gives nothing back while the runtime is away, and keeps a lease whose pair cannot be removed', async () => {
    const { world, look, asked } = parts(lease('a'));
    await look();
    world.runtime = 'away';
    await assert.rejects(look(), { code: 'CriUnavailable' });
    assert.deepEqual(asked, ['list']);
    Object.assign(world, { runtime: 'there', kernel: 'away' });
    await assert.rejects(look(), { code: 'KernelBusy' });
    assert.deepEqual(asked, ['list']);
    world.kernel = 'there';
    assert.deepEqual((await look()).at(-1), 'gone a');
  });
});
