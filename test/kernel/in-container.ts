/**
 * What a node worker finds and makes in the mount namespace of a container; run by read-only-sys.test.ts, prints JSON. `allow` as first
 * argument: the worker's start makes /proc/sys writable before anything else.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { allowSysctls } from '../../adapters/host/allow-sysctls.ts';
import { run } from '../../adapters/process/run.ts';
import { whyNoSenderRules } from '../../adapters/nftables/probe.ts';
import { senderFiltering } from '../../workers/node/sender-filtering.ts';
import { createCniBench, hostLocal, NEVER } from './cni-bench.ts';
import { createTestNetns, NETNS_ROOT } from './namespace.ts';
import { createNode, kernelForTests } from './node-under-test.ts';
import { advertise } from './router-advertisement.ts';

const IP = '/usr/sbin/ip';

export interface Seen {
  readonly access: Awaited<ReturnType<typeof allowSysctls>> | undefined;
  readonly up: boolean;
  readonly warning: string | undefined;
  /** Of the link's own switch. */
  readonly acceptRa: string;
  /** Why not, and whether a stranger's announcement gave the pod an address or a default route then. */
  readonly heard: string | undefined;
  readonly obeyed: boolean;
  /** What bridge with isGateway said; undefined: attached. */
  readonly bridge: string | undefined;
}

/** A VXLAN link, made as an attach makes it. */
async function attach(): Promise<Pick<Seen, 'up' | 'warning' | 'acceptRa'>> {
  const node = createNode(
    undefined,
    await senderFiltering(true, () => whyNoSenderRules(run), { warn: () => undefined }),
  );
  try {
    const pod = await node.pod();
    const { warning } = await node.ensure(await pod.intend());
    const acceptRa = (await pod.netns.exec(['/usr/sbin/sysctl', '-n', 'net.ipv6.conf.green.accept_ra'])).trim();
    return { up: (await pod.link())?.up === true, warning: warning?.message, acceptRa };
  } finally {
    await node.close();
  }
}

/** A link between two namespaces, one of which announces itself as a router; renamed, as a link that replaces another one is. */
async function listen(): Promise<Pick<Seen, 'heard' | 'obeyed'>> {
  const [pod, stranger] = await Promise.all([createTestNetns(), createTestNetns()]);
  const kernel = kernelForTests();
  try {
    await pod.exec([IP, 'link', 'add', 'pwnew', 'type', 'veth', 'peer', 'name', 'router']);
    await pod.exec([IP, 'link', 'set', 'router', 'netns', stranger.path.slice(`${NETNS_ROOT}/`.length)]);
    await stranger.exec([IP, 'address', 'add', 'fe80::1/64', 'dev', 'router', 'nodad']);
    await stranger.exec([IP, 'link', 'set', 'router', 'up']);
    const netns = await kernel.open(pod.path, NEVER);
    // Twice, as after a crash.
    await kernel.ignoreRouterAdvertisements(netns, 'pwnew');
    const heard = await kernel.ignoreRouterAdvertisements(netns, 'pwnew');
    await kernel.execute(netns, [
      { op: 'rename', name: 'pwnew', to: 'blue.7' },
      { op: 'set-up', name: 'blue.7' },
    ]);
    await netns.close();
    let obeyed = false;
    for (let round = 0; round < 10 && !obeyed; round += 1) {
      await advertise(stranger.path, 'router');
      await sleep(100);
      const routes = await pod.exec([IP, '-6', 'route', 'show', 'dev', 'blue.7']);
      obeyed = routes.includes('default') || routes.includes('fd99:');
    }
    return { heard, obeyed };
  } finally {
    await Promise.all([pod.remove(), stranger.remove()]);
  }
}

/** bridge writes net.ipv4.ip_forward of the namespace it runs in. */
async function gateway(): Promise<string | undefined> {
  const bench = await createCniBench();
  try {
    const ipam = hostLocal(bench);
    const call = bench.call({
      cniVersion: '1.0.0',
      name: 'test',
      type: 'bridge',
      bridge: 'br0',
      isGateway: true,
      ipam,
    });
    return await bench.plugins.add(call, NEVER).then(
      () => undefined,
      (error: unknown) => String(error),
    );
  } finally {
    await bench.close();
  }
}

const access = process.argv[2] === 'allow' ? await allowSysctls(run) : undefined;
const seen: Seen = { access, ...(await attach()), ...(await listen()), bridge: await gateway() };
process.stdout.write(JSON.stringify(seen));
