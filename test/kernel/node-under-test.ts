/** The node's activities over the real kernel, with one pod in a netns of the test's own. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CniDeps } from '../../activities/network/deps.ts';
import { FdbSync } from '../../activities/network/forwarding/fdb-sync.ts';
import type { SenderFiltering } from '../../activities/network/forwarding/desired-forwarding.ts';
import { createNodeSteps, type NodeSteps } from '../../activities/network/index.ts';
import type { LinkInput } from '../../activities/network/network-contract.ts';
import { NetworkLocks } from '../../activities/network/cni/network-locks.ts';
import { SandboxLocks } from '../../activities/network/sandbox-locks.ts';
import { createNodeNetnsResolver, openRecorded } from '../../activities/network/sandbox-netns.ts';
import { temporaryName } from '../../adapters/host/temporary-name.ts';
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createNetlinkThread, type NetlinkThread } from '../../adapters/netlink/thread.ts';
import type { Run } from '../../adapters/process/child.ts';
import { run } from '../../adapters/process/run.ts';
import { parseFdb, parseNetns } from '../../adapters/iproute/views.ts';
import type { FdbEntry } from '../../domain/forwarding/fdb.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { LinkView, NetnsView } from '../../domain/vxlan/link-observation.ts';
import type { VxlanAttachmentRecord, Stored } from '../../domain/records.ts';
import type { VxlanLinkSpec } from '../../domain/vxlan/vxlan.ts';
import { FakeRuntime, FakeStore, NO_CNI } from './fakes.ts';
import { createTestNetns, NETNS_ROOT, PARENT_ADDRESS, type TestNetns } from './namespace.ts';

export const NODE = 'n1';
export const NETWORK = { scope: 'cluster', name: 'green' };
export const NEVER = new AbortController().signal;

export interface Pod {
  readonly uid: string;
  readonly sandboxId: string;
  readonly netns: TestNetns;
  /** Writes the attachment record as an intent of this generation. */
  intend(
    link?: Partial<VxlanLinkSpec>,
    change?: Partial<VxlanAttachmentRecord>,
  ): Promise<Stored<VxlanAttachmentRecord>>;
  view(): Promise<NetnsView>;
  link(name?: string): Promise<LinkView | undefined>;
  fdb(name?: string): Promise<readonly FdbEntry[]>;
}

export interface NodeUnderTest {
  readonly store: FakeStore;
  readonly runtime: FakeRuntime;
  readonly deps: CniDeps;
  readonly steps: NodeSteps;
  pod(): Promise<Pod>;
  ensure(stored: Stored<VxlanAttachmentRecord>): ReturnType<NodeSteps['ensureVxlanLink']>;
  remove(stored: Stored<VxlanAttachmentRecord>, unadopt?: boolean): ReturnType<NodeSteps['deleteVxlanLink']>;
  sync(): ReturnType<NodeSteps['syncFdb']>;
  /** As the worker does now and then. */
  compare(): ReturnType<NodeSteps['syncFdb']>;
  close(): Promise<void>;
}

function inputOf({ value, modRevision }: Stored<VxlanAttachmentRecord>): LinkInput {
  const { node, podUid, sandboxId, generation, interfaceName } = value;
  return { node, podUid, sandboxId, interfaceName, generation, modRevision };
}

/**
 * @param host where the node's plugins run; the machine's own namespace when left out
 * @param thread one that the test listens to
 */
export function createNode(host?: TestNetns, filtering: SenderFiltering = 'on', thread?: NetlinkThread): NodeUnderTest {
  const store = new FakeStore();
  const runtime = new FakeRuntime();
  const kernel = kernelForTests(host, thread);
  const deps: CniDeps = {
    ...{ node: NODE, bootId: 'boot-1', store, runtime, kernel, temporaryName },
    serves: (target) => target === NODE,
    netnsResolver: createNodeNetnsResolver({ kernel, runtime, bootId: 'boot-1' }),
    gateOf: () => assert.fail('the pods of these tests have no gate'),
    failpoints: { hit: async () => undefined },
    sandboxLocks: new SandboxLocks(),
    fdb: new FdbSync({
      ...{ node: NODE, store, kernel, filtering },
      open: (record, signal) => openRecorded({ kernel }, record, signal),
    }),
    ...NO_CNI,
    networkLocks: new NetworkLocks(),
    onUndoFailed: (_record, failure) => assert.fail(String(failure)),
  };
  const steps = createNodeSteps(deps);
  const made: TestNetns[] = [];
  return {
    ...{ store, runtime, deps, steps },
    async pod() {
      const netns = await createTestNetns();
      made.push(netns);
      return podIn(netns, store, runtime);
    },
    ensure: (stored) => steps.ensureVxlanLink(inputOf(stored), NEVER),
    remove: (stored, unadopt) =>
      steps.deleteVxlanLink({ ...inputOf(stored), ...(unadopt === undefined ? {} : { unadopt }) }, NEVER),
    sync: () => steps.syncFdb(NETWORK, NEVER),
    compare: () => deps.fdb.compareNetwork(NETWORK, NEVER),
    async close() {
      await Promise.all(made.map((netns) => netns.remove()));
    },
  };
}

/**
 * Netlink, or iproute2 where the test's environment says so.
 * @param host where the node's plugins run; the machine's own namespace when left out
 */
export function kernelForTests(host?: TestNetns, thread = createNetlinkThread()): LinkKernel {
  const programs = createIprouteKernel({
    netnsRoots: [NETNS_ROOT],
    ...(host === undefined ? {} : { run: runOn(host) }),
  });
  if (process.env['PODWIRE_TEST_KERNEL'] === 'iproute2') return programs;
  const options = { netnsRoots: [NETNS_ROOT], thread };
  return createNetlinkKernel({ ...options, ...(host === undefined ? {} : { hostNetns: host.path }) });
}

function podIn(netns: TestNetns, store: FakeStore, runtime: FakeRuntime): Pod {
  const uid = randomUUID();
  const sandboxId = uid.replaceAll('-', '').repeat(2);
  runtime.sandboxes.set(sandboxId, {
    ...{ id: sandboxId, podUid: uid, namespace: 'default', name: 'a', ready: true, createdAt: '1', hostNetwork: false },
    ...{ netnsPath: netns.path, podIPs: [PARENT_ADDRESS] },
  });
  const view = async (): Promise<NetnsView> =>
    parseNetns(
      await netns.exec(['/usr/sbin/ip', '-d', '-j', '-batch', '-'], {
        input: 'address show\nroute show table all proto 230\n',
      }),
    );
  return {
    ...{ uid, sandboxId, netns, view },
    async intend(link, change) {
      return store.put({
        ...{ v: 1, podUid: uid, namespace: 'default', name: 'a', node: NODE, sandboxId, bootId: 'boot-1' },
        netns: await netns.identity(),
        network: NETWORK,
        owner: { workflowId: `pod/default/a/${uid}`, runId: 'r' },
        generation: 1,
        kind: 'vxlan',
        interfaceName: link?.interfaceName ?? GREEN.interfaceName,
        link: { ...GREEN, ...link },
        vtep: PARENT_ADDRESS,
        phase: 'intent',
        ...change,
      });
    },
    link: async (name = 'green') => (await view()).links.find((link) => link.name === name),
    fdb: async (name = 'green') =>
      parseFdb(await netns.exec(['/usr/sbin/bridge', '-j', 'fdb', 'show', 'dev', name], { mayFail: true })),
  };
}

const GREEN: VxlanLinkSpec = {
  kind: 'vxlan',
  interfaceName: 'green',
  vni: 4711,
  dstPort: 8472,
  parent: 'eth0',
  up: true,
  addresses: ['192.168.11.2/29'],
  routes: [{ destination: '192.168.12.0/29', gateway: '192.168.11.1' }],
  peers: [],
};

/** What enters no namespace by itself is run on that host. */
const runOn =
  (host: TestNetns): Run =>
  ({ file, args, ...options }) =>
    file === NSENTER
      ? run({ file, args, ...options })
      : run({ file: NSENTER, args: [`--net=${host.path}`, '--', file, ...args], ...options });

const NSENTER = '/usr/bin/nsenter';

/** Addresses of links that are not link-local, sorted. */
export const cidrs = (link: LinkView | undefined): string[] =>
  (link?.addresses ?? [])
    .filter(({ linkLocal }) => !linkLocal)
    .map(({ cidr }) => cidr)
    .sort();

export const destinations = (entries: readonly FdbEntry[]): (string | undefined)[] =>
  entries.map(({ destination }) => destination).sort();
