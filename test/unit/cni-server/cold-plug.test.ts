/** What a node does for a call of CNI as the last plugin of a chain: whom it asks, in which order, and what it answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createColdPlug, type ColdPlug } from '../../../activities/network/cni-server/cold-plug.ts';
import { createNodeStore } from '../../../adapters/etcd/node-store.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { CNI_CODES, CniAnswerError, type PodCniCall } from '../../../domain/cni-server/pod-cni.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { NetworksTable } from '../../../domain/messages.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import type { LinkKernel } from '../../../domain/ports/link-kernel.ts';
import type { PodOfSandbox } from '../../../domain/ports/sandbox-runs.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../../domain/settings.ts';
import { attachmentKey } from '../../../domain/keys.ts';
import { intent, RESULT } from '../../etcd/some-records.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';
import { memoryOfAnnounced } from './some-announced.ts';

const UID = '6f8b7c9e-0000-4000-8000-000000000001';
const STATIC = '0123456789abcdef0123456789abcdef';
const NEVER = new AbortController().signal;
const PREV = { cniVersion: '1.0.0', ips: [{ address: '10.1.0.5/24' }], dns: {} };
const DONE: NetworksTable = { networks: [], mayStart: true, isSettled: true };

const call = (change: Partial<PodCniCall> = {}): PodCniCall => ({
  ...{ containerId: 'cold', netns: '/run/netns/cold', ifName: 'eth0' },
  pod: { namespace: 'ns', name: 'web', uid: UID },
  config: { cniVersion: '1.0.0', name: 'net', type: 'podwire-cni', prevResult: PREV },
  ...change,
});

interface Parts {
  readonly cold: ColdPlug;
  /** Everything that was asked for, in order. */
  readonly asked: string[];
  /** What the API, Temporal and the kernel do. */
  readonly world: {
    pod: PodView | undefined;
    api: 'there' | 'away';
    temporal: 'there' | 'away';
    tables: NetworksTable[];
    isThere: boolean;
    links: string[];
    now: number;
  };
  readonly announced: ReturnType<typeof memoryOfAnnounced>;
  readonly etcd: MemoryEtcd;
  readonly published: () => Promise<string[]>;
}

const asking = (change: Partial<PodView> = {}): PodView => ({
  ...{ uid: UID, namespace: 'ns', name: 'web', nodeName: 'n1', hostNetwork: false, phaseClass: 'counts' },
  ...{ deleting: false, podIPs: [], labels: {}, publishedStatus: undefined },
  annotations: { [NPWG_NETWORKS_ANNOTATION]: 'green' },
  ...change,
});

function parts(withoutApi: 'waits' | 'starts' = 'waits'): Parts {
  const asked: string[] = [];
  const world: Parts['world'] = {
    ...{ pod: asking(), api: 'there', temporal: 'there', tables: [], isThere: true, links: [], now: 1_000 },
  };
  const etcd = new MemoryEtcd();
  const store = createNodeStore(etcd);
  const announced = memoryOfAnnounced();
  const requireTemporal = (): void => {
    if (world.temporal === 'away') throw new PodwireError('TemporalUnavailable', 'Temporal is away');
  };
  const cold = createColdPlug({
    ...{ node: 'n1', bootId: 'boot', asks: DEFAULT_DIALECT_SETTINGS, ip: ipCodec, announced, now: () => world.now },
    failpoints: { hit: () => Promise.resolve() },
    withoutApi,
    store: {
      ...store,
      putSandbox: async (node, sandbox) => {
        asked.push(`publish ${sandbox.sandboxId} ${sandbox.podIPs?.join() ?? ''}`);
        await store.putSandbox(node, sandbox);
      },
    },
    cluster: {
      pod: async () => {
        asked.push('GET');
        if (world.api === 'away') throw new PodwireError('ApiUnavailable', 'the API is away');
        return world.pod;
      },
    },
    runtime: {
      listReady: async () => {
        asked.push('list');
        return [];
      },
      describe: async () => undefined,
    },
    kernel: {
      open: async (path: string) => {
        if (!world.isThere) throw new PodwireError('SandboxGone', 'gone');
        return { identity: { path, inode: '1', ctimeNs: '1' }, close: async () => undefined };
      },
      observe: async () => ({ links: world.links.map((name) => ({ name })) }),
    } as unknown as LinkKernel,
    runs: {
      awaitNetworks: async (pod: PodOfSandbox, sandboxId) => {
        asked.push(`await ${pod.uid} ${sandboxId} ${announced.get(sandboxId) === undefined ? 'unknown' : 'announced'}`);
        requireTemporal();
        return world.tables.shift() ?? DONE;
      },
      release: async (pod, sandboxId) => {
        asked.push(`release ${pod.uid} ${sandboxId}`);
        requireTemporal();
        return { released: true };
      },
    },
    probes: [async () => requireTemporal()],
    observer: { left: (sandboxId, why) => asked.push(`left ${sandboxId}: ${(why as Error).message}`) },
  });
  const published = async (): Promise<string[]> => (await store.listSandboxes('n1')).map(({ sandboxId }) => sandboxId);
  return { cold, asked, world, announced, etcd, published };
}

const leavePlace = (): void => undefined;

const rejectsWith = (work: Promise<unknown>, code: number, message: RegExp): Promise<void> =>
  assert.rejects(
    work,
    (error) => error instanceof CniAnswerError && error.code === code && message.test(error.message),
  );

describe('ADD of a pod', () => {
  it('that asks for nothing costs one read of the API, and nothing else', async () => {
    const { cold, asked, world, announced } = parts();
    for (const pod of [asking({ annotations: {} }), asking({ hostNetwork: true })]) {
      world.pod = pod;
      assert.equal(await cold.add(call(), NEVER, leavePlace), PREV);
    }
    assert.deepEqual(asked, ['GET', 'GET']);
    assert.deepEqual(announced.list(), []);
  });

  it('that asks for networks announces and publishes the sandbox before the run is asked, and changes nothing of the result', async () => {
    const { cold, asked, announced } = parts();
    assert.equal(await cold.add(call(), NEVER, leavePlace), PREV);
    assert.deepEqual(asked, ['GET', 'publish cold 10.1.0.5', `await ${UID} cold announced`]);
    assert.equal(announced.get('cold')?.endedAt, 1_000);
  });

  it('leaves its place on the node before it waits for the run', async () => {
    const { cold, asked } = parts();
    await cold.add(call(), NEVER, () => asked.push('leave'));
    assert.deepEqual(asked.slice(-2), ['leave', `await ${UID} cold announced`]);
    await cold.del(call(), NEVER, () => asked.push('leave'));
    assert.deepEqual(asked.slice(-2), ['leave', `release ${UID} cold`]);
  });

  it('twice has the same result', async () => {
    const { cold } = parts();
    assert.equal(await cold.add(call(), NEVER, leavePlace), await cold.add(call(), NEVER, leavePlace));
  });

  it('publishes the sandbox anew for a run that ended before it saw it', async () => {
    const { cold, asked, world } = parts();
    world.tables = [{ networks: [], mayStart: false, isSettled: false }];
    await cold.add(call(), NEVER, leavePlace);
    assert.equal(asked.filter((each) => each.startsWith('publish')).length, 2);
  });

  it('whose networks do not come is tried again by the runtime, which is told what is missing', async () => {
    const { cold, world } = parts();
    const network = 'ns/green';
    world.tables = [
      {
        networks: [{ interfaceName: 'net1', network, state: 'refused', reason: 'no' }],
        mayStart: false,
        isSettled: true,
      },
    ];
    await rejectsWith(
      cold.add(call(), NEVER, leavePlace),
      CNI_CODES.tryAgainLater,
      /net1 \(network ns\/green\) is refused: no/,
    );
  });

  it('is tried again where the API, Temporal or the pod is away, and where another pod has its name', async () => {
    const { cold, world } = parts();
    world.temporal = 'away';
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.tryAgainLater, /Temporal is away/);
    world.api = 'away';
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.tryAgainLater, /API is away/);
    world.api = 'there';
    world.pod = undefined;
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.tryAgainLater, /does not know it/);
    world.pod = asking({ uid: 'other' });
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.tryAgainLater, /another pod/);
  });

  it('on the primary network starts where the API is away, which may be reached by it, and nowhere else', async () => {
    const { cold, asked, world } = parts('starts');
    world.api = 'away';
    assert.equal(await cold.add(call(), NEVER, leavePlace), PREV);
    assert.deepEqual(asked, ['GET']);
    world.api = 'there';
    world.pod = undefined;
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.tryAgainLater, /API does not know it/);
    world.pod = asking();
    world.temporal = 'away';
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.tryAgainLater, /Temporal is away/);
  });

  it('of a static pod is about the mirror, and does not wait for an API that is away', async () => {
    const { cold, asked, world, published, announced } = parts();
    const pod = { namespace: 'ns', name: 'web', uid: STATIC };
    world.pod = asking({ uid: 'mirror', runtimeUid: STATIC });
    await cold.add(call({ pod }), NEVER, leavePlace);
    assert.deepEqual(asked, ['GET', 'publish cold 10.1.0.5', 'await mirror cold announced']);
    assert.equal(announced.get('cold')?.runtimeUid, STATIC);
    assert.deepEqual(await published(), ['cold']);
    world.api = 'away';
    assert.equal(await cold.add(call({ pod }), NEVER, leavePlace), PREV);
  });

  it('is refused without a plugin before podwire’s in the chain, without a namespace, and in one that is gone', async () => {
    const { cold, world } = parts();
    await rejectsWith(cold.add(call({ config: {} }), NEVER, leavePlace), CNI_CODES.invalidConfig, /prevResult/);
    await rejectsWith(
      cold.add(call({ config: { prevResult: {} } }), NEVER, leavePlace),
      CNI_CODES.invalidConfig,
      /address/,
    );
    await rejectsWith(
      cold.add(call({ netns: undefined }), NEVER, leavePlace),
      CNI_CODES.invalidEnvironment,
      /CNI_NETNS/,
    );
    world.isThere = false;
    await rejectsWith(cold.add(call(), NEVER, leavePlace), CNI_CODES.unknownContainer, /not there/);
  });
});

describe('DEL of a sandbox', () => {
  it('of which nothing is known succeeds, and asks nobody but etcd', async () => {
    const { cold, asked } = parts();
    await cold.del(call({ netns: undefined }), NEVER, leavePlace);
    assert.deepEqual(asked, []);
  });

  it('takes it out of what is published before the run is told, and forgets it', async () => {
    const { cold, asked, announced, published } = parts();
    await cold.add(call(), NEVER, leavePlace);
    await cold.del(call(), NEVER, leavePlace);
    assert.deepEqual(asked.slice(3), [`release ${UID} cold`]);
    assert.deepEqual([announced.list(), await published()], [[], []]);
  });

  it("leaves the pod's next sandbox published", async () => {
    const { cold, published } = parts();
    await cold.add(call(), NEVER, leavePlace);
    await cold.add(call({ containerId: 'next' }), NEVER, leavePlace);
    await cold.del(call(), NEVER, leavePlace);
    assert.deepEqual(await published(), ['next']);
  });

  it('succeeds with Temporal away, and the run is told when Temporal is back', async () => {
    const { cold, asked, world, announced } = parts();
    await cold.add(call(), NEVER, leavePlace);
    world.temporal = 'away';
    await cold.del(call(), NEVER, leavePlace);
    assert.equal(announced.get('cold')?.ending, true);
    assert.match(asked.at(-1) ?? '', /^left cold: Temporal is away/);
    world.now += 60_001;
    await assert.rejects(cold.lookAfter(NEVER));
    world.temporal = 'there';
    await cold.lookAfter(NEVER);
    assert.equal(asked.at(-1), `release ${UID} cold`);
    assert.deepEqual(announced.list(), []);
  });

  it('succeeds with etcd away as well, by what the call itself says', async () => {
    const { cold, world, announced, etcd } = parts();
    Object.defineProperty(etcd, 'list', {
      value: async () => {
        throw new PodwireError('EtcdUnavailable', 'etcd is away');
      },
    });
    world.temporal = 'away';
    await cold.del(call(), NEVER, leavePlace);
    assert.equal(announced.get('cold')?.podUid, UID);
    await cold.del(
      call({ containerId: 'nobody', pod: { namespace: '', name: '', uid: undefined } }),
      NEVER,
      leavePlace,
    );
    assert.equal(announced.list().length, 1);
  });
});

describe('a sandbox that the runtime never has as Ready', () => {
  it('is released a minute after its ADD, and not before', async () => {
    const { cold, asked, world, announced, published } = parts();
    await cold.add(call(), NEVER, leavePlace);
    world.now += 60_000;
    await cold.lookAfter(NEVER);
    assert.equal(asked.length, 3);
    world.now += 1;
    await cold.lookAfter(NEVER);
    assert.deepEqual(asked.slice(3), [
      'list',
      'left cold: the container runtime never had it as Ready',
      `release ${UID} cold`,
    ]);
    assert.deepEqual([announced.list(), await published()], [[], []]);
  });

  it('is released at once where a collection of garbage does not name it', async () => {
    const { cold, asked, announced } = parts();
    await cold.add(call(), NEVER, leavePlace);
    await cold.add(call({ containerId: 'valid' }), NEVER, leavePlace);
    await cold.gc({}, [{ containerId: 'valid', ifName: 'eth0' }], NEVER);
    assert.equal(asked.at(-1), `release ${UID} cold`);
    assert.deepEqual(
      announced.list().map(({ sandboxId }) => sandboxId),
      ['valid'],
    );
  });
});

describe('CHECK', () => {
  it('is about the interfaces that are recorded as attached in that sandbox', async () => {
    const { cold, world, etcd } = parts();
    const record = intent(UID, 7, { sandboxId: 'cold', phase: 'attached', result: RESULT });
    await etcd.transact([], [{ put: attachmentKey(record), value: JSON.stringify(record) }]);
    await rejectsWith(cold.check(call(), NEVER), CNI_CODES.failed, /red \(network .*red\)/);
    await cold.check(call({ containerId: 'other' }), NEVER);
    world.links = ['eth0', 'red'];
    await cold.check(call(), NEVER);
  });
});

describe('STATUS', () => {
  it('is 50 while an ADD could not be served', async () => {
    const { cold, world } = parts();
    await cold.status({}, NEVER);
    world.temporal = 'away';
    await rejectsWith(cold.status({}, NEVER), CNI_CODES.notAvailable, /Temporal is away/);
  });
});
