import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControlSteps } from '../../../activities/control/control-contract.ts';
import { createNetworkObjectActivities, tellingObjects } from '../../../activities/control/network-objects.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import type { NetworkObjectRef } from '../../../domain/network-objects/status.ts';
import type { Freed } from '../../../domain/plan/blocked-on.ts';
import type { NetworkHolds } from '../../../domain/ports/network-objects.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { FakeCluster } from '../../workflows/fake-cluster.ts';
import { FakeNetworkObjects } from '../../workflows/fake-network-objects.ts';

const BLUE: NetworkObjectRef = { kind: 'cluster-network', namespace: '', name: 'blue', uid: 'u' };

function activities(holds: Partial<NetworkHolds>) {
  const seen = { woken: [] as string[], freed: [] as (Freed | undefined)[] };
  const cluster = new FakeCluster();
  const steps = createNetworkObjectActivities({
    ...{ cluster, ip: ipCodec, settings: DEFAULT_DIALECT_SETTINGS, objects: new FakeNetworkObjects(cluster) },
    holds: holds as NetworkHolds,
    records: {
      tunnelOwner: async () => undefined,
      outdatedRefusals: async (freed) => {
        seen.freed.push(freed);
        return [{ uid: 'p', namespace: 'red', name: 'web', reason: 'the VNI is free' }];
      },
    },
    signals: { podChanged: async ({ uid }) => void seen.woken.push(uid) },
  });
  return { steps, cluster, seen };
}

describe('the VNI of a network object', () => {
  it('is told to pods that wait for it when it is free, also when it was given up by an attempt that died', async () => {
    let tunnel: string | undefined = '8472/7';
    const { steps, seen } = activities({ release: async () => tunnel });
    await steps.releaseNetworkVni(BLUE);
    tunnel = undefined;
    await steps.releaseNetworkVni(BLUE);
    assert.deepEqual(seen.woken, ['p', 'p']);
    const network = { scope: 'cluster.network', name: 'blue' };
    assert.deepEqual(seen.freed, [{ network, tunnels: ['8472/7'], addresses: [] }, undefined]);
  });

  it('is none of those that the ConfigMap has at its port', async () => {
    const declared: boolean[] = [];
    const { steps, cluster } = activities({
      reserve: async (_object, _wanted, isDeclared) => {
        declared.push(isDeclared(5), isDeclared(6));
        return { kind: 'exhausted' };
      },
    });
    cluster.declared = { theirs: 'id=5', elsewhere: 'id=6 dstport=4789' };
    await steps.reserveNetworkVni({ ...BLUE, wanted: { port: 8472 } });
    assert.deepEqual(declared, [true, false]);
  });
});

describe('the run of a network object', () => {
  it('is told when the mesh of its network was recorded, and no other is looked for', async () => {
    const told: string[] = [];
    const asked: string[] = [];
    const steps = tellingObjects({ recordMesh: async () => undefined } as Partial<ControlSteps> as ControlSteps, {
      holds: {
        objectOf: async ({ name }) => {
          asked.push(name);
          return name === 'blue' ? BLUE : undefined;
        },
      },
      tell: async ({ uid }, reason) => void told.push(`${uid}: ${reason}`),
    });
    for (const network of [
      { scope: 'cluster.network', name: 'blue' },
      { scope: 'network.red', name: 'unknown' },
      { scope: 'cluster', name: 'configmap' },
    ])
      await steps.recordMesh({ ...network, behind: [] });
    assert.deepEqual([told, asked], [['u: the members changed'], ['blue', 'unknown']]);
  });
});
