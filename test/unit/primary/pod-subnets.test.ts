/** Which addresses the pods of a node may have, and who is believed about it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PodSubnets } from '../../../activities/primary/pod-subnets.ts';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { Lease } from '../../../domain/primary/lease.ts';

const OLD = ['10.1.1.0/24'];
const YOUNG = ['10.1.2.0/24', 'fd00:2::/64'];
const lease = (more: Partial<Lease> = {}): Lease => ({
  ...{ sandboxId: 'a', ifName: 'eth0', pod: { namespace: 'default', name: 'a' } },
  ...{ addresses: [], sequence: 1, madeAt: 0, ...more },
});

function parts(onDisk?: readonly string[]) {
  const world = { onDisk, leases: [] as Lease[], said: YOUNG as readonly string[] | Error };
  const subnets = new PodSubnets({
    ...{ node: 'n1', ip: ipNumbers, leases: { leases: () => world.leases } },
    disk: {
      read: async () => world.onDisk,
      write: async (_, texts) => void (world.onDisk = texts),
    },
    source: async () => {
      if (world.said instanceof Error) throw world.said;
      return world.said;
    },
  });
  return { world, subnets, texts: () => subnets.ranges?.map(({ text }) => text) };
}

describe('the pod subnets of a node', () => {
  it('are those of its disk, whoever else is away', async () => {
    const { world, subnets, texts } = parts(OLD);
    world.said = new PodwireError('ApiUnavailable', 'the API is away');
    await subnets.load();
    await assert.rejects(subnets.look(), { code: 'ApiUnavailable' });
    assert.deepEqual(texts(), OLD);
  });

  it('are not known before somebody has said them, and it is told why', async () => {
    const { world, subnets, texts } = parts();
    await subnets.load();
    assert.equal(texts(), undefined);
    assert.match(subnets.why, /nobody has said yet/);
    world.said = new PodwireError('ApiUnavailable', 'the API is away');
    await assert.rejects(subnets.look());
    assert.deepEqual([texts(), subnets.why], [undefined, 'the API is away']);
  });

  it('are kept on the disk when they are said', async () => {
    const { world, subnets, texts } = parts();
    await subnets.look();
    assert.deepEqual([texts(), world.onDisk], [YOUNG, YOUNG]);
  });

  it('are others when no pod has an address of the old ones any more', async () => {
    const { world, subnets, texts } = parts(OLD);
    await subnets.load();
    world.leases = [lease()];
    await assert.rejects(subnets.look(), {
      code: 'AddressingInvalid',
      message: /are to be 10\.1\.2\.0\/24, fd00:2::\/64, and pods have addresses of 10\.1\.1\.0\/24: drain the node/,
    });
    assert.deepEqual([texts(), world.onDisk], [OLD, OLD]);
    world.leases = [lease({ releasedAt: 5 })];
    await subnets.look();
    assert.deepEqual([texts(), world.onDisk], [YOUNG, YOUNG]);
  });

  it('are not kept where no pod can have an address of them', async () => {
    const { world, subnets, texts } = parts(OLD);
    await subnets.load();
    for (const said of [['10.1.2.0/32'], ['10.1.2.0/24', '10.1.3.0/24'], ['nonsense'], []]) {
      world.said = said;
      await assert.rejects(subnets.look(), { code: 'AddressingInvalid' }, said.join());
      assert.deepEqual([texts(), world.onDisk], [OLD, OLD]);
    }
  });

  it('are none where the number that they follow from is another node’s', async () => {
    const { world, subnets, texts } = parts(OLD);
    await subnets.load();
    world.said = new PodwireError('NodeIdUnavailable', 'node ID 1 is another node’s');
    await assert.rejects(subnets.look(), { code: 'NodeIdUnavailable' });
    assert.deepEqual([texts(), subnets.why], [undefined, 'node ID 1 is another node’s']);
    world.said = OLD;
    await subnets.look();
    assert.deepEqual(texts(), OLD);
  });
});
