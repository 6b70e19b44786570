/** What each finding becomes: state, and a text with setting, value, what is allowed, and the command that cures it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clockDifference } from '../../../adapters/start-checks/kubernetes-facts.ts';
import { parseVxlanDevices } from '../../../adapters/start-checks/node-facts.ts';
import { blockOf, failures, reasonOf, type Check, type CheckState } from '../../../domain/start-checks/check.ts';
import { etcdChecks, type EtcdFacts } from '../../../domain/start-checks/etcd.ts';
import { installationChecks } from '../../../domain/start-checks/installation.ts';
import { clockCheck, kubernetesChecks } from '../../../domain/start-checks/kubernetes.ts';
import { nodeHostChecks, type NodeHostFacts } from '../../../domain/start-checks/node-host.ts';
import type { PartReport } from '../../../domain/start-checks/readyz.ts';
import { orchestratorRights, watcherRights } from '../../../domain/start-checks/rights.ts';
import { temporalChecks, type TemporalFacts } from '../../../domain/start-checks/temporal.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

const states = (checks: readonly Check[]): Record<string, CheckState> =>
  Object.fromEntries(checks.map(({ name, state }) => [name, state]));
const bad = (checks: readonly Check[]): string[] =>
  checks.filter(({ state }) => state !== 'ok').map((check) => `${check.state} ${reasonOf(check)}`);

describe('Temporal', () => {
  const target = { address: 't:7233', namespace: 'shop', nodeQueue: 'podwire-node-n1' };
  const attributes = {
    ...{ ProvisioningState: 'Keyword', NodeName: 'Keyword', PodNamespace: 'Keyword', NetworkNames: 'KeywordList' },
  };
  const well: TemporalFacts = { version: '1.29.5', namespace: 'present', attributes, partitions: 1 };

  test('a server that has everything passes', () => assert.deepEqual(bad(temporalChecks(target, well)), []));

  const cases: readonly [what: string, facts: TemporalFacts, expected: RegExp][] = [
    ['no answer', { unreachable: 'refused' }, /^error temporal-reachable.*TEMPORAL_ADDRESS=t:7233.*cluster health/],
    ['no namespace', { ...well, namespace: 'absent' }, /^error .*TEMPORAL_NAMESPACE=shop.*namespace create .*shop/],
    ['no right to it', { ...well, namespace: { refused: 'denied' } }, /^error temporal-namespace: .*denied/],
    [
      'a missing attribute',
      { ...well, attributes: { ...attributes, NetworkNames: undefined as unknown as string } },
      /^error .*missing are NetworkNames .*search-attribute create --address t:7233 --namespace shop --name NetworkNames --type KeywordList/,
    ],
    [
      'an attribute of another type',
      { ...well, attributes: { ...attributes, NodeName: 'Text' } },
      /^error .*NodeName has type Text.*allowed: Keyword;.*search-attribute remove/,
    ],
    ['attributes that may not be listed', { ...well, attributes: { refused: 'denied' } }, /^warning .*denied/],
    ['an old server', { ...well, version: '1.20.0' }, /^error temporal-version: .*1\.20\.0 is too old/],
    [
      'a server with a known hole',
      { ...well, version: '1.29.1' },
      /^warning temporal-version: .*CVE-2026-5199.*1\.29\.5/,
    ],
    ['four partitions', { ...well, partitions: 4 }, /^warning .*partitions.*numTaskqueueReadPartitions=4/],
  ];
  for (const [what, facts, expected] of cases)
    test(`${what} is told with its cure`, () => {
      const [only, ...others] = bad(temporalChecks(target, facts));
      assert.deepEqual(others, []);
      assert.match(only ?? '', expected);
    });
});

describe('etcd', () => {
  const target = { endpoints: ['e:2379'], setting: 'PODWIRE_ETCD_ENDPOINTS', prefix: '/podwire/', user: 'pw' };
  const well: EtcdFacts = { version: '3.6.4', alarms: [], rights: 'granted' };

  test('a store that has everything passes', () => assert.deepEqual(bad(etcdChecks(target, well)), []));

  const cases: readonly [what: string, facts: EtcdFacts, expected: RegExp][] = [
    [
      'no answer',
      { unreachable: 'refused' },
      /PODWIRE_ETCD_ENDPOINTS=e:2379.*etcdctl --endpoints e:2379 endpoint health/,
    ],
    ['an old version', { ...well, version: '3.3.10' }, /etcd-version: version 3\.3\.10 is too old/],
    ['a full store', { ...well, alarms: ['NOSPACE'] }, /NOSPACE.*compact.*defrag.*alarm disarm/],
    [
      'no right to write',
      { ...well, rights: { refused: 'denied' } },
      /PODWIRE_ETCD_USER=pw.*grant-permission .*\/podwire\//,
    ],
  ];
  for (const [what, facts, expected] of cases)
    test(`${what} is an error that is told with its cure`, () => {
      const [only, ...others] = bad(etcdChecks(target, facts));
      assert.deepEqual(others, []);
      assert.match(only ?? '', expected);
      assert.match(only ?? '', /^error/);
    });
});

describe('the Kubernetes API', () => {
  const target = { kubeconfig: '/k', server: 'https://api', setting: 'PODWIRE_KUBECONFIG' };

  test('each right that is missing is told, and none of those that are granted', () => {
    const rights = orchestratorRights(DEFAULT_DIALECT_SETTINGS);
    const denied = rights.filter(({ resource }) => resource === 'pods/status' || resource === 'nodes');
    const told = bad(kubernetesChecks(target, { denied }));
    assert.equal(told.length, 2);
    assert.match(told.join('\n'), /not allowed: patch pods --subresource=status \(publishes/);
  });

  test('a watcher asks for the reflected kinds only when it reflects, and for a ConfigMap by its name', () => {
    const resources = (reflects: boolean): Set<string> =>
      new Set(watcherRights(DEFAULT_DIALECT_SETTINGS, reflects).map(({ resource }) => resource));
    assert.ok(!resources(false).has('services'));
    assert.ok(resources(true).has('services'));
    const configMap = watcherRights(DEFAULT_DIALECT_SETTINGS, false).find(({ resource }) => resource === 'configmaps');
    assert.equal(`${configMap?.namespace}/${configMap?.name}`, 'kube-system/kube-vxlan-controller');
  });

  test('a kind that the cluster lacks is a warning, and a clock that differs much is one', () => {
    const checks = kubernetesChecks(target, {
      denied: [],
      definitions: [{ kind: 'nad', present: false }],
      clockMs: -45_000,
    });
    assert.deepEqual(
      bad(checks).map((line) => line.split(' ')[0]),
      ['warning', 'warning'],
    );
    assert.match(bad(checks).join('\n'), /clock is 45 s behind the API server's/);
    assert.equal(clockCheck('clock', 20_000, 'x').state, 'ok');
  });

  test('a clock differs only by what the time of the question and a whole second do not explain', () => {
    assert.equal(clockDifference(10_000, 9_500, 10_200), 0);
    assert.equal(clockDifference(10_000, 10_900, 11_900), 0);
    assert.equal(clockDifference(10_000, 50_999, 51_000), 40_000);
    assert.equal(clockDifference(50_000, 9_000, 10_000), -40_000);
  });
});

describe("a node's host", () => {
  const target = { criSocket: '/run/c.sock', node: 'n1' };
  const well: NodeHostFacts = {
    linkKernel: { access: 'netlink' },
    ...{ runtime: { version: 'containerd 1.6' }, missingDevices: [], sysctls: 'writable', missingPrograms: [] },
    ...{ vxlanDevices: [], folders: [{ setting: 'PODWIRE_CNI_BIN_DIRS', paths: ['/opt/cni/bin'], present: true }] },
  };
  test('one that has everything passes', () => assert.deepEqual(bad(nodeHostChecks(target, well)), []));

  test('all that is missing is told at once', () => {
    const checks = nodeHostChecks(target, {
      ...{ runtime: { unreachable: 'ENOENT' }, missingDevices: [{ kind: 'vxlan', why: 'Unknown device type' }] },
      ...{ sysctls: { readOnly: 'EROFS' }, vxlanDevices: [] },
      linkKernel: { access: 'iproute2', why: 'setns: Operation not permitted' },
      missingPrograms: [{ path: '/usr/sbin/nft', needed: false, why: 'w' }],
      folders: [{ setting: 'PODWIRE_CNI_BIN_DIRS', paths: ['/opt/cni/bin'], present: false }],
    });
    assert.deepEqual(states(checks), {
      ...{ 'container-runtime': 'error', 'kernel-devices': 'error', sysctls: 'warning', programs: 'warning' },
      ...{ 'link-kernel': 'warning', 'vxlan-ports': 'ok', folders: 'warning' },
    });
    assert.match(blockOf(checks), /ERROR {3}kernel-devices: .*vxlan[^]*do: {6}modprobe vxlan/);
    assert.match(blockOf(checks), /link-kernel: .*setns: Operation not permitted/);
    assert.equal(failures(checks).length, 2);
  });

  test("flannel's device is no clash, and one that takes every VNI of the port is a warning", () => {
    const devices = parseVxlanDevices(
      JSON.stringify([
        { ifname: 'flannel.1', linkinfo: { info_data: { id: 1, port: 8472 } } },
        { ifname: 'cilium_vxlan', linkinfo: { info_data: { external: true, id: 0, port: 8472 } } },
        { ifname: 'other', linkinfo: { info_data: { id: 7, port: 9000 } } },
      ]),
    );
    const found = nodeHostChecks(target, { ...well, vxlanDevices: devices }).filter(
      ({ name }) => name === 'vxlan-ports',
    );
    assert.deepEqual(
      found.map(({ state }) => state),
      ['ok', 'warning'],
    );
    assert.match(found[0]?.text ?? '', /flannel\.1 \(VNI 1\).*8472.*no clash/);
    assert.equal(parseVxlanDevices('no JSON'), undefined);
    assert.deepEqual(parseVxlanDevices(''), []);
  });
});

describe('an installation', () => {
  const part = (name: string, node: string, more: Partial<PartReport> = {}): PartReport => ({
    ...{ part: name, pod: `${name}-${node}`, node, image: 'docker.io/podwire/x:0.1.0' },
    ...{ ready: true, reasons: [], checks: [], clockMs: 0, ...more },
  });
  const all = [part('podwire-watcher', 'n1'), part('podwire-orchestrator', 'n1'), part('podwire-node', 'n1')];

  test('one that has everything passes', () =>
    assert.deepEqual(bad(installationChecks({ namespace: 'ns', nodes: ['n1'], parts: all })), []));

  test('nodes without a worker, parts without a pod, mixed versions and clocks are told', () => {
    const parts = [
      part('podwire-watcher', 'n1', { image: 'docker.io/podwire/x:0.2.0' }),
      part('podwire-node', 'n1', { clockMs: 60_000 }),
    ];
    const told = bad(installationChecks({ namespace: 'ns', nodes: ['n1', 'n2'], parts })).join('\n');
    assert.match(told, /error parts: podwire-orchestrator has no pod/);
    assert.match(told, /error node-workers: 1 of 2 nodes have no worker: n2/);
    assert.match(told, /warning versions/);
    assert.match(told, /warning clock of podwire-node-n1: this clock is 60 s ahead/);
  });

  test('a reason that no check names is told, and one that a check names is not told twice', () => {
    const check: Check = { name: 'etcd-reachable', state: 'error', text: 'no answer' };
    const parts = [
      ...all,
      part('podwire-node', 'n2', { ready: false, checks: [check], reasons: [reasonOf(check), 'other'] }),
    ];
    const told = bad(installationChecks({ namespace: 'ns', nodes: ['n1'], parts }));
    assert.deepEqual(told, ['error readyz: podwire-node-n2 is not ready: other']);
  });
});
