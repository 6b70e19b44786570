/**
 * The production part of docs/install.md from a reader's side, in a cluster that enforces NetworkPolicies: a Temporal that wants
 * certificates, an etcd that wants certificates, a user and a password, podwire with Secrets for both; then all of these are replaced
 * while pods come and go.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { randomUUID, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { connectClient } from '../../adapters/temporal/connection.ts';
import { apply, phase, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { must } from '../../deploy/lab/commands.ts';
import { inSystem, provideImages, SYSTEM_NAMESPACE } from '../../deploy/lab/installed.ts';
import { kubectl, silentProgress, type Lab } from '../../deploy/lab/lab.ts';
import { enforcePolicies, stopEnforcing } from '../../deploy/lab/policy-enforcer.ts';
import { makeNamespace, openTestLab, removeNamespace, waitFor } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';
import { Burst, since } from './burst.ts';
import { boundPods, neededBy, othersIn } from './bounds.ts';
import { fromPod, openDoor, reachedFrom, type From } from './connections.ts';
import { forgetMembers, openLetterbox, receiverIn, sendAsMember, sendForged } from './forged-frames.ts';
import { closeOutside, openOutside, type Outside } from './outside.ts';
import { lives, Reader } from './reader.ts';
import { startSecuredStores, type Generation, type SecuredStores } from './secured-stores.ts';

const LIMIT = { limitMs: 60_000 };
const OUTSIDE = `outside-${randomUUID().slice(0, 6)}`;
const TEMPORAL = { namespace: OUTSIDE, name: 'temporal', port: 7233 };
const ETCD = { namespace: OUTSIDE, name: 'etcd', port: 2379 };
const nameOf = ({ name, namespace }: Pick<Outside, 'name' | 'namespace'>): string => `${name}.${namespace}.svc`;
/** What the page has for the reader's own. */
const REPLACED = {
  'temporal.example.org': nameOf(TEMPORAL),
  'etcd.example.org': nameOf(ETCD),
  'registry.example.org/podwire': 'docker.io/podwire',
};
const NETWORK = { name: 'exi', id: 4890, prefix: '10.79' };
const PASSWORD = { old: 'change-me', new: 'changed' };
const namespace = `existing-${randomUUID().slice(0, 6)}`;
const asker: PodRef = { namespace, name: 'asker' };

describe('the installation page, for a Temporal and an etcd that are there already', () => {
  let reader: Reader;
  let stores: SecuredStores;
  let lab: Lab;
  let burst: Burst;
  /** A pod of another namespace. */
  let stranger: From;
  let serves = false;

  before(async () => {
    lab = await openTestLab();
    reader = await Reader.begin(lab);
    await provideImages(lab, 'existing', silentProgress);
    stores = await startSecuredStores(lab, reader.dir, [TEMPORAL, ETCD].map(nameOf), 'podwire');
    lab = stores.lab;
    await makeNamespace(lab, OUTSIDE);
    await openOutside(lab, { ...TEMPORAL, server: stores.temporal.address });
    await openOutside(lab, { ...ETCD, server: stores.etcd.endpoint.replace('https://', '') });
    await makeNamespace(lab, namespace);
    await enforcePolicies(lab, silentProgress);
  });
  after(async () => {
    try {
      await stopEnforcing(lab);
      await removeNamespace(lab, namespace);
      if (serves) await nothingLeaked(lab, LIMIT);
      await reader.takeAway();
      for (const each of [TEMPORAL, ETCD]) await closeOutside(lab, { ...each, server: '' });
      await kubectl(lab, ['delete', 'namespace', OUTSIDE, '--ignore-not-found', '--wait=false']);
    } finally {
      await stores.stop();
      reader.close();
    }
  });
  beforeEach((c) => {
    assert.ok(serves || c.name.startsWith('prepares'), 'podwire was not installed');
  });

  test('prepares both, and leads to a podwire that serves', async (c) => {
    const began = performance.now();
    const { old } = stores;
    const put = (from: string, to: string): void => {
      mkdirSync(dirname(join(reader.dir, to)), { recursive: true });
      cpSync(from, join(reader.dir, to));
    };
    put(old.ca, 'ca.crt');
    put(old.admin.cert, 'admin.crt');
    put(old.admin.key, 'admin.key');
    for (const store of ['temporal', 'etcd']) {
      put(old.ca, `${store}/ca.crt`);
      put(old.client.cert, `${store}/tls.crt`);
      put(old.client.key, `${store}/tls.key`);
    }
    await reader.follow('temporal', {
      replaced: { 'temporal.example.org:7233': stores.temporal.address },
      // As the page says for a Temporal with TLS.
      env: {
        TEMPORAL_TLS_SERVER_CA_CERT_PATH: old.ca,
        TEMPORAL_TLS_CLIENT_CERT_PATH: old.client.cert,
        TEMPORAL_TLS_CLIENT_KEY_PATH: old.client.key,
      },
    });
    await reader.follow('etcd', { replaced: { 'https://etcd.example.org:2379': stores.etcd.endpoint } });
    await reader.follow('existing', { replaced: REPLACED });
    serves = true;
    c.diagnostic(`installed and updated by the page in ${since(began)}`);
  });

  test('gives pods their networks', async (c) => {
    const began = performance.now();
    const nodes = lab.nodes.map(({ name }) => name);
    const node = (index: number): string => nodes[index % nodes.length] ?? '';
    burst = await Burst.prepare({ lab, namespace, node }, NETWORK);
    await burst.ask(4);
    await burst.attached(LIMIT);
    assert.deepEqual([...new Set(stores.temporal.seen.clients)], ['old-client']);
    c.diagnostic(`4 pods with two networks each in ${since(began)}`);
  });

  test('has its NetworkPolicies, and nothing of what the limits would add', async () => {
    const names = await inSystem(lab, ['get', 'networkpolicies', '-o', 'jsonpath={.items[*].metadata.name}']);
    const wanted = ['api-server', 'dns', 'etcd', 'health', 'nothing-else', 'temporal'].map((name) => `podwire-${name}`);
    assert.deepEqual(names.split(' ').sort(), wanted);
    const tried = await kubectl(lab, ['get', 'validatingadmissionpolicies', '-o', 'name']);
    assert.doesNotMatch(tried, /who-may-ask/);
  });

  test('has metrics of each pod where Prometheus looks, from inside of the cluster', async () => {
    await apply(lab, [podManifest(asker, { node: lab.nodes[0]?.name ?? '', image: lab.testImage, label: false })]);
    await waitRunning(lab, [asker]);
    stranger = await fromPod(lab, asker);
    const places = await scraped(lab);
    const pods = (await podsOf(lab)).map(({ metadata }) => metadata.name);
    assert.deepEqual(places.map(({ pod }) => pod).sort(), pods.sort(), 'the Service has each pod once');
    assert.deepEqual([...new Set(places.map(({ port }) => port))].sort(), [9464, 9465, 9466]);
    for (const place of places) {
      assert.equal(place.annotated, String(place.port), place.pod);
      assert.match(await metricsOf(lab, place), /^podwire_\w+(\{.*\})? [\d.e+-]+$/m, place.pod);
    }
  });

  test('reaches DNS, the API server, Temporal and etcd from its pods, and nothing else', async () => {
    const [needed, others] = [neededBy([TEMPORAL, ETCD]), othersIn(lab)];
    const names = others.map(({ what }) => what);
    assert.deepEqual(await reachedFrom(stranger, others), names, 'they are there');
    for (const pod of await boundPods(lab)) {
      const reached = await reachedFrom(await fromPod(lab, pod), [...needed, ...others]);
      assert.deepEqual(
        reached,
        needed.map(({ what }) => what),
        pod.name,
      );
    }
  });

  test('is reached on the ports of health and metrics, and on no other of its pods', async () => {
    const places = await scraped(lab);
    for (const pod of await boundPods(lab)) {
      const own = places.find((place) => place.pod === pod.name);
      assert.ok(own !== undefined, pod.name);
      const inside = await fromPod(lab, pod);
      const close = await openDoor(lab, inside, 8080);
      try {
        const { address } = own;
        const ports = [own.port, 8080].map((port) => ({ what: String(port), address, port }));
        assert.deepEqual(await reachedFrom(inside, ports), [String(own.port), '8080']);
        assert.deepEqual(await reachedFrom(stranger, ports), [String(own.port)], pod.name);
      } finally {
        await close();
      }
    }
  });

  test('lets members alone into a network: by its links, and where the limit of the tunnels is applied and enforced without them', async () => {
    const [receiver, sender] = burst.pods;
    assert.ok(receiver !== undefined && sender !== undefined);
    const to = await receiverIn(lab, receiver, NETWORK);
    const member = await fromPod(lab, sender);
    const receives = await fromPod(lab, receiver);
    const letterbox = await openLetterbox(lab, receives);
    const round = async (name: string): Promise<string[]> => {
      await sendForged(stranger, to, `${name}-forged`);
      await sendAsMember(member, to, `${name}-right`);
      await waitFor('what a member sent', async () => letterbox.read().includes(`${name}-right`) || undefined, LIMIT);
      return letterbox.read().filter((word) => word.startsWith(`${name}-`));
    };
    const limit = readFileSync(join(reader.dir, 'deploy/examples/limits/tunnel-port.yaml'), 'utf8');
    const input = limit.replace('namespace: default', `namespace: ${namespace}`);
    try {
      assert.deepEqual(await round('link'), ['link-right']);
      await forgetMembers(receives, NETWORK.name);
      assert.deepEqual((await round('before')).sort(), ['before-forged', 'before-right']);
      await kubectl(lab, ['apply', '-f', '-'], { input });
      let rounds = 0;
      const closed = async (): Promise<true | undefined> => {
        await forgetMembers(receives, NETWORK.name);
        return (await round(`limit${(rounds += 1)}`)).length === 1 ? true : undefined;
      };
      await waitFor('a forged frame to be kept out', closed, LIMIT);
    } finally {
      await kubectl(lab, ['delete', '--ignore-not-found', '-f', '-'], { input });
      await letterbox.close();
    }
  });

  test('is refused an etcd with https:// whose authority nobody names: exit code 2, and the setting in the log', async () => {
    const pod = { namespace: SYSTEM_NAMESPACE, name: 'unnamed-authority' };
    await apply(lab, [await withoutAuthority(lab, pod.name)]);
    try {
      await waitFor('the pod to end', async () => ((await phase(lab, pod)) === 'Failed' ? true : undefined), LIMIT);
      const path = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}';
      assert.equal(await inSystem(lab, ['get', 'pod', pod.name, '-o', path]), '2');
      assert.match(await inSystem(lab, ['logs', pod.name]), /PODWIRE_ETCD_CA/);
    } finally {
      await inSystem(lab, ['delete', 'pod', pod.name, '--grace-period=1'], { timeoutMs: 60_000 });
    }
  });

  test('goes on while certificates of both sides and the password are replaced, without a restart', async (c) => {
    const began = performance.now();
    const before = await lives(lab);
    const untouched = await burst.links();
    const stop = new AbortController();
    const asking = (async () => {
      while (!stop.signal.aborted) {
        await burst.ask(1);
        await sleep(2_000, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    })();
    try {
      const { next, bundle } = stores;
      await stores.trustBoth();
      await replaceSecrets(lab, bundle, next);
      await waitFor('the new certificates in use', () => clientsAre(lab, next), { limitMs: 120_000, everyMs: 1_000 });
      c.diagnostic(`every pod used its new certificates after ${since(began)}`);
      await stores.trustNext();
      await changePassword(lab, stores);
      await replaceSecrets(lab, next.ca, next, PASSWORD.new);
      await waitFor('the new authority and password in the pods', () => filesAre(lab, next), {
        limitMs: 120_000,
        everyMs: 1_000,
      });
      c.diagnostic(`every pod had the new password after ${since(began)}`);
    } finally {
      stop.abort();
      await asking;
    }
    await burst.ask(2);
    await burst.attached(LIMIT);
    const now = await burst.links();
    for (const [pod, links] of untouched) assert.deepEqual(now.get(pod), links, pod);
    c.diagnostic(`${burst.pods.length} pods had both networks, the last of them ${since(began)} after it began`);
    assert.deepEqual(await lives(lab), before, 'no pod of podwire has another container');
    assert.deepEqual([...new Set(stores.temporal.seen.clients)], ['new-client']);
  });

  test('refuses the old certificates and the old password afterwards', async () => {
    const { old, next } = stores;
    const tls = { caFile: next.ca, certFile: old.client.cert, keyFile: old.client.key };
    const temporal = connectClient({ address: stores.temporal.address, namespace: 'podwire', tls });
    await assert.rejects(temporal.probe(), { code: 'TemporalUnavailable' });
    await temporal.close();
    const fresh = { caFile: next.ca, certFile: next.client.cert, keyFile: next.client.key };
    const reads = async (files: typeof tls, password: string): Promise<unknown> => {
      const options = { endpoints: [stores.etcd.endpoint], timeoutMs: 3_000, tls: files };
      const etcd = createEtcd({ ...options, auth: { username: 'podwire', password } });
      return etcd.keys('/podwire/nodes/').finally(() => etcd.close());
    };
    await assert.rejects(reads(tls, PASSWORD.new), { code: 'EtcdUnavailable' });
    await assert.rejects(reads(fresh, PASSWORD.old), /authentication failed|invalid user/i);
    assert.ok(Array.isArray(await reads(fresh, PASSWORD.new)));
  });

  test('reaches all else where nobody enforces its NetworkPolicies', async () => {
    await stopEnforcing(lab);
    const others = othersIn(lab);
    for (const pod of await boundPods(lab))
      assert.deepEqual(
        await reachedFrom(await fromPod(lab, pod), others),
        others.map(({ what }) => what),
        pod.name,
      );
  });
});

interface Place {
  readonly pod: string;
  readonly address: string;
  readonly port: number;
  /** prometheus.io/port of the pod. */
  readonly annotated: string | undefined;
}

interface SeenPod {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

async function podsOf(lab: Lab): Promise<SeenPod[]> {
  const text = await inSystem(lab, ['get', 'pods', '-l', 'app.kubernetes.io/part-of=podwire', '-o', 'json']);
  return (JSON.parse(text) as { items: SeenPod[] }).items;
}

/** Where Prometheus finds podwire's pods: behind the Service for it. */
async function scraped(lab: Lab): Promise<Place[]> {
  const selector = 'kubernetes.io/service-name=podwire-metrics';
  const text = await inSystem(lab, ['get', 'endpointslices', '-l', selector, '-o', 'json']);
  const { items } = JSON.parse(text) as {
    items: { ports: { port: number }[]; endpoints: { addresses: string[]; targetRef: { name: string } }[] }[];
  };
  const pods = await podsOf(lab);
  return items.flatMap(({ ports, endpoints }) =>
    endpoints.flatMap(({ addresses, targetRef }) =>
      ports.map(({ port }) => ({
        pod: targetRef.name,
        address: addresses[0] ?? '',
        port,
        annotated: pods.find(({ metadata }) => metadata.name === targetRef.name)?.metadata.annotations?.[
          'prometheus.io/port'
        ],
      })),
    ),
  );
}

/** Asked by a pod of the cluster. */
const metricsOf = (lab: Lab, { address, port }: Place): Promise<string> =>
  kubectl(lab, [
    ...['-n', asker.namespace, 'exec', asker.name, '--'],
    ...['wget', '-q', '-O', '-', `http://${address}:${port}/metrics`],
  ]);

/** A pod like an orchestrator's, of whose settings those that name etcd's authority and certificate are not set. */
async function withoutAuthority(lab: Lab, name: string): Promise<object> {
  const text = await inSystem(lab, ['get', 'deployment', 'podwire-orchestrator', '-o', 'json']);
  const { spec } = (JSON.parse(text) as { spec: { template: { spec: { containers: { env: object[] }[] } } } }).spec
    .template;
  const [container] = spec.containers;
  assert.ok(container !== undefined);
  const unset = ['CA', 'CERT', 'KEY'].map((each) => ({ name: `PODWIRE_ETCD_${each}`, value: '' }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: SYSTEM_NAMESPACE },
    spec: { ...spec, restartPolicy: 'Never', containers: [{ ...container, env: [...container.env, ...unset] }] },
  };
}

/** Other contents of podwire's Secrets, as a tool that renews certificates writes them. */
async function replaceSecrets(lab: Lab, ca: string, { client }: Generation, password?: string): Promise<void> {
  const read = (file: string): string => readFileSync(file, 'utf8');
  const files = { 'ca.crt': read(ca), 'tls.crt': read(client.cert), 'tls.key': read(client.key) };
  const patch = (name: string, stringData: object): Promise<string> =>
    inSystem(lab, ['patch', 'secret', name, '-p', JSON.stringify({ stringData })]);
  await patch('podwire-temporal-tls', files);
  await patch('podwire-etcd-tls', files);
  if (password !== undefined) await patch('podwire-etcd-user', { password });
  // The kubelet writes Secrets into a pod at its next look at it, within a minute or so; it looks at a pod that changes at once.
  await inSystem(lab, ['annotate', '--overwrite', 'pods', '--all', `test/secrets=${randomUUID()}`]);
}

/** Whether every process shows certificates of this generation: of all that it has, none lasts as long as the old one's do not. */
async function clientsAre(lab: Lab, { client }: Generation): Promise<true | undefined> {
  const validFor = (Date.parse(new X509Certificate(readFileSync(client.cert)).validTo) - Date.now()) / 1_000;
  for (const place of await scraped(lab)) {
    const text = await metricsOf(lab, place);
    const seconds = [...text.matchAll(/^podwire_tls_certificate_expiry_seconds\{file="[^"]*tls\.crt"\} (\S+)$/gm)];
    if (seconds.length !== 2) throw new Error(`${place.pod} has ${seconds.length} certificates`);
    if (seconds.some(([, value]) => Math.abs(Number(value) - validFor) > 60)) return undefined;
  }
  return true;
}

/** Whether every pod has the last files. */
async function filesAre(lab: Lab, { ca }: Generation): Promise<true | undefined> {
  const wanted = `${readFileSync(ca, 'utf8')}${PASSWORD.new}`;
  const words = ['cat', '/etc/podwire/etcd-tls/ca.crt', '/etc/podwire/etcd-user/password'];
  for (const { metadata } of await podsOf(lab))
    if ((await inSystem(lab, ['exec', metadata.name, '--', ...words])) !== wanted) return undefined;
  return true;
}

/** As etcd's administrator does it. */
async function changePassword(lab: Lab, { etcd, next }: SecuredStores): Promise<void> {
  const certificates = ['--cacert', next.ca, '--cert', next.admin.cert, '--key', next.admin.key];
  const words = ['--endpoints', etcd.endpoint, ...certificates, '--user', 'root:change-me-too'];
  await waitFor(
    'etcd to take another password',
    () =>
      must(lab.binaries.etcdctl, [...words, 'user', 'passwd', 'podwire', '--interactive=false'], {
        input: PASSWORD.new,
        env: { ETCDCTL_API: '3' },
      }),
    LIMIT,
  );
}
