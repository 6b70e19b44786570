/** What `podwire explain` says: desired, recorded and the kernel side by side, and what is in the way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explanationText } from '../../../cli/explain/render.ts';
import type { Explanation } from '../../../cli/explain/gather.ts';
import { explainInterfaces, type Actual, type Desired, type Evidence } from '../../../domain/explain/explanation.ts';
import { reasonsLeftAlone } from '../../../domain/explain/left-alone.ts';
import type { ParsedSelections } from '../../../domain/network-selection.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../../domain/settings.ts';
import { intent, RESULT } from '../../etcd/some-records.ts';

const NOW = Date.parse('2026-01-01T00:03:00.000Z');
const attached = intent('web', 7, { phase: 'attached', result: RESULT });
const { interfaceName, network, link } = attached;
const selection = { kind: 'vxlan', dialect: 'openvnf', network, link } as const;
const DESIRED: Desired = { selection, interfaceName };
const SEEN: Actual = { up: true, mtu: RESULT.mtu, mac: RESULT.mac, vni: 7, addresses: RESULT.addresses };

const explain = (change: Partial<Evidence>) =>
  explainInterfaces({
    ...{ desired: [DESIRED], records: [attached], failures: [], steps: [], tries: new Map() },
    actual: new Map([[interfaceName, SEEN]]),
    ...change,
  });

describe('an interface', () => {
  it('is as it should be when it is desired, recorded as attached, and in the kernel', () => {
    const [one, ...others] = explain({});
    assert.deepEqual(others, []);
    assert.equal(one?.isSettled, true);
    assert.equal(one.desired.startsWith('vxlan id 7, port 8472, over eth0'), true, one.desired);
    assert.equal(one.recorded, 'attached, generation 1, 02:00:00:00:00:01, mtu 1450, 10.1.0.1/24, sandbox web-sandbox');
    assert.equal(one.actual, 'vxlan id 7, 02:00:00:00:00:01, mtu 1450, 10.1.0.1/24, up');
  });

  const wrong: Record<string, Partial<Evidence>> = {
    'has no link': { actual: new Map([[interfaceName, 'absent']]) },
    'has another MAC in the kernel': { actual: new Map([[interfaceName, { ...SEEN, mac: '02:00:00:00:00:99' }]]) },
    'is not known to its kernel, which did not answer': { actual: new Map() },
    'is recorded as an intent only': { records: [intent('web', 7)] },
    'is not recorded': { records: [] },
    'is not desired any more': { desired: [] },
    'is refused': { desired: [{ ...DESIRED, refused: { code: 'VniTaken', message: 'id 7 is of network blue' } }] },
    'keeps failing': { failures: [{ v: 1, interfaceName, generation: 1, code: 'KernelBusy', message: 'busy' }] },
  };
  for (const [how, change] of Object.entries(wrong))
    it(`is not as it should be when it ${how}`, () => {
      assert.deepEqual(
        explain(change).map(({ isSettled }) => isSettled),
        [false],
      );
    });

  it('tells the reason of a refusal before that of a step, with its try and the time until the next one', () => {
    const steps = [{ interfaceName, step: 'ensure-link', note: 'ParentMissing: no eth9' }];
    const tries = new Map([[interfaceName, { attempt: 7, error: 'no eth9', nextInMs: 12_300 }]]);
    const [stuck] = explain({ steps, tries });
    assert.deepEqual(
      [stuck?.problem, stuck?.step, stuck?.attempt, stuck?.nextTryInSeconds],
      ['ParentMissing: no eth9', 'ensure-link', 7, 12],
    );
    const [refused] = explain({ steps, desired: [{ ...DESIRED, refused: { code: 'VniTaken', message: 'taken' } }] });
    assert.equal(refused?.problem, 'VniTaken: taken');
  });
});

const POD: PodView = {
  ...{ uid: 'u', namespace: 'shop', name: 'web-0', nodeName: 'n1', hostNetwork: false, phaseClass: 'counts' },
  ...{ deleting: false, podIPs: ['10.244.1.5'], labels: {}, annotations: {}, publishedStatus: undefined },
};
const PARSED: ParsedSelections = { selections: [selection], problems: [], warnings: [], keep: [] };
const NOTHING = { ...PARSED, selections: [] };
const reasons = (
  pod: Partial<PodView>,
  parsed: ParsedSelections = PARSED,
  settings = DEFAULT_DIALECT_SETTINGS,
  around = { tornDown: false, origin: [] as string[] },
): string => reasonsLeftAlone({ ...POD, ...pod }, parsed, settings, around).join('\n');

describe('what is in the way', () => {
  it('is nothing of a pod that runs and asks rightly', () => assert.equal(reasons({}), ''));

  it('is said of each kind of pod that is left alone', () => {
    const off = { ...DEFAULT_DIALECT_SETTINGS, npwg: { ...DEFAULT_DIALECT_SETTINGS.npwg, enabled: false } };
    const asks = { annotations: { [NPWG_NETWORKS_ANNOTATION]: 'a' } };
    assert.match(reasons({ hostNetwork: true }), /^hostNetwork: true: it is on the network of its node/);
    assert.match(reasons({ phaseClass: 'ended' }), /^it has ended$/);
    assert.match(reasons({ nodeName: '' }), /^it is on no node yet$/);
    assert.match(reasons({ podIPs: [] }), /^it has no address yet/);
    assert.match(reasons({}, NOTHING), /^it asks for no network: label vxlan\.openvnf\.org with annotation /);
    assert.match(reasons(asks, PARSED, off), /^annotation k8s\.v1\.cni\.cncf\.io\/networks is not read/);
    assert.match(reasons({}, PARSED, undefined, { tornDown: true, origin: [] }), /^podwire is being taken out/);
    const origin = ['Deployment shop/web: annotation "a" stands in metadata'];
    assert.equal(reasons({}, PARSED, undefined, { tornDown: false, origin }), origin[0]);
    const problems = [{ code: 'VniInvalid', message: 'id=0' }];
    assert.equal(reasons({}, { ...PARSED, problems }), 'id=0 [VniInvalid]');
    const foreign = [{ interfaceName: 'net1', network: 'shop/a' }];
    assert.match(reasons({}, { ...PARSED, foreign }), /^net1 \(network shop\/a\) is another runtime's/);
  });
});

const STUCK: Explanation = {
  ...{ pod: 'shop/web-0', uid: 'u', node: 'n1', state: 'Stuck', reasons: [] },
  run: { workflowId: 'pod/shop/web-0/u', runId: 'r1', since: '2026-01-01T00:00:00.000Z' },
  interfaces: [
    {
      ...{ interface: 'red', network: 'shop/red', desired: 'vxlan id 7', recorded: 'intent', actual: 'no such link' },
      ...{ isSettled: false, step: 'ensure-link', problem: 'ParentMissing: no eth9', attempt: 7, nextTryInSeconds: 12 },
    },
  ],
};

describe('the text of an explanation', () => {
  it('has the state, the way to the run, each interface, and the command that tries again', () => {
    assert.equal(
      explanationText(STUCK, undefined, NOW),
      `pod shop/web-0 on node n1: Stuck since 3 min

run pod/shop/web-0/u
  temporal workflow show -w pod/shop/web-0/u

red (network shop/red): NOT as it should be
  desired        vxlan id 7
  recorded       intent
  in the kernel  no such link
  step           ensure-link, try 7, next in 12 s
  problem        ParentMissing: no eth9

1 of 1 are not as they should be. Another try at once: podwire retry shop/web-0
`,
    );
  });

  it("links to the run in Temporal's UI where its address is known", () => {
    const ui = { url: 'http://localhost:8233/', namespace: 'default' };
    assert.match(
      explanationText(STUCK, ui, NOW),
      /^ {2}http:\/\/localhost:8233\/namespaces\/default\/workflows\/pod%2Fshop%2Fweb-0%2Fu\/r1\/history$/m,
    );
  });

  it('says what is in the way of a pod that has nothing', () => {
    const alone = { pod: 'shop/web-0', uid: 'u', node: '', state: 'no open run', interfaces: [] };
    assert.equal(
      explanationText({ ...alone, reasons: ['it is on no node yet'] }, undefined, NOW),
      `pod shop/web-0 on no node: no open run

what is in the way
  it is on no node yet
`,
    );
  });
});
