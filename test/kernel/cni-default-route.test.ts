/** NPWG's `default-route` with real plugins, in a pod that has default routes of its own. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { withoutDefaultRoutes } from '../../domain/cni/without-default-routes.ts';
import type { CniAttachmentRecord, Stored } from '../../domain/records.ts';
import { NEVER } from './cni-bench.ts';
import { cniNodeForTests } from './cni-node.ts';
import { NODE, type Pod } from './node-under-test.ts';

const IP = '/usr/sbin/ip';
const OWN = ['default via 10.244.1.1 dev eth0', 'default via fd00:244::1 dev eth0'];

const bed = cniNodeForTests();
let pod: Pod;
beforeEach(async () => {
  const delegate = join(bed.bench.binDir, 'bridge');
  bed.fake.control({ ADD: { delegate }, DEL: { delegate }, CHECK: { delegate } });
  pod = await podWithDefaults();
});

async function podWithDefaults(): Promise<Pod> {
  const made = await bed.node.pod();
  const own = ['route add default via 10.244.1.1 dev eth0', 'route add default via fd00:244::1 dev eth0'];
  await made.netns.exec([IP, '-batch', '-'], { input: `${own.join('\n')}\n` });
  return made;
}

interface Asked {
  readonly defaultRoute?: readonly string[];
  readonly noDefaultRoute?: true;
}

interface Network {
  readonly addresses: readonly object[];
  readonly routes?: readonly object[];
  readonly isDefaultGateway?: boolean;
}

const FOUR: Network = { addresses: [{ address: '10.78.0.7/24' }] };
const BOTH: Network = { addresses: [...FOUR.addresses, { address: 'fd00:78::7/64' }] };

async function intend(asked: Asked, network: Network, change: Partial<CniAttachmentRecord> = {}) {
  const { addresses, routes = [], ...more } = network;
  const bridge = `br${randomBytes(3).toString('hex')}`;
  const ipam = { type: 'static', addresses, routes };
  return bed.node.store.put<CniAttachmentRecord>({
    ...{ v: 1, podUid: pod.uid, namespace: 'default', name: 'a', node: NODE, sandboxId: pod.sandboxId },
    ...{ bootId: 'boot-1', netns: await pod.netns.identity() },
    owner: { workflowId: `pod/default/a/${pod.uid}`, runId: 'r' },
    ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'wired' }, interfaceName: 'net1' },
    cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [], ...asked },
    configText: JSON.stringify({ cniVersion: '1.1.0', name: 'wired', type: 'fake', bridge, ipam, ...more }),
    ...{ definitionUid: 'd', generation: 1, phase: 'intent' },
    ...change,
  });
}

const inputOf = ({ value, modRevision }: Stored<CniAttachmentRecord>) => {
  const { podUid, sandboxId, interfaceName, generation } = value;
  return { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision };
};
/** Without metrics and who made them; the first one of a family counts. */
async function defaults(): Promise<string[]> {
  const lines: string[] = [];
  for (const family of ['-4', '-6']) {
    const text = await pod.netns.exec([IP, family, 'route', 'show', 'default']);
    lines.push(...text.split('\n').flatMap((line) => /^default (via \S+ )?dev \S+/.exec(line)?.[0] ?? []));
  }
  return lines;
}

async function wayOut(address: string): Promise<string> {
  return /dev (\S+)/.exec(await pod.netns.exec([IP, 'route', 'get', address]))?.[1] ?? '';
}

describe('default-route', () => {
  it('gives the pod these gateways, also when its answer was lost and it is done again', async () => {
    const input = inputOf(await intend({ defaultRoute: ['10.78.0.1', 'fd00:78::1'] }, BOTH));
    await bed.steps.cniAdd(input, NEVER);
    const made = await defaults();
    assert.deepEqual(made, ['default via 10.78.0.1 dev net1', OWN[0], 'default via fd00:78::1 dev net1', OWN[1]]);
    await bed.steps.cniAdd(input, NEVER);
    assert.deepEqual(await defaults(), made);
    assert.deepEqual([await wayOut('192.0.2.1'), await wayOut('2001:db8::1')], ['net1', 'net1']);
  });

  it('leaves what has a route of its own by eth0 there, the ClusterIPs for example, and takes them without one', async () => {
    const [withRoute, without] = ['10.96.0.10', '10.97.0.10'];
    await pod.netns.exec([IP, 'route', 'add', '10.96.0.0/16', 'via', '10.244.1.1', 'dev', 'eth0']);
    assert.deepEqual([await wayOut(withRoute), await wayOut(without)], ['eth0', 'eth0']);
    await bed.steps.cniAdd(inputOf(await intend({ defaultRoute: ['10.78.0.1'] }, FOUR)), NEVER);
    assert.deepEqual([await wayOut(withRoute), await wayOut(without)], ['eth0', 'net1']);
  });

  for (const [what, gateways] of [
    ['of a family that the network does not have', ['10.78.0.1', 'fd00:1::1']],
    ['outside the subnets of its addresses', ['10.79.0.1']],
    ["that is on the pod's own network", ['10.244.1.1']],
  ] as const) {
    it(`with a gateway ${what} is refused, and no route was touched`, async () => {
      const input = inputOf(await intend({ defaultRoute: gateways }, FOUR));
      const wrong = gateways.at(-1) ?? '';
      await assert.rejects(bed.steps.cniAdd(input, NEVER), (error: Error & { code: string }) => {
        assert.equal(error.code, 'GatewayNotOnLink');
        assert.ok(error.message.includes(wrong), error.message);
        return true;
      });
      assert.deepEqual(await defaults(), OWN);
    });
  }

  it('takes a gateway that only a route of the network makes reachable, and a link-local one', async () => {
    const addresses = [{ address: '10.78.0.7/32' }, { address: 'fd00:78::7/64' }];
    const routes = [{ dst: '169.254.1.1/32', scope: 253 }];
    const input = inputOf(await intend({ defaultRoute: ['169.254.1.1', 'fe80::1'] }, { addresses, routes }));
    await bed.steps.cniAdd(input, NEVER);
    assert.deepEqual(await defaults(), [
      'default via 169.254.1.1 dev net1',
      OWN[0],
      'default via fe80::1 dev net1',
      OWN[1],
    ]);
  });

  it("that half succeeded gives the pod's own default back until the next try", async () => {
    await pod.netns.exec([IP, '-6', 'route', 'add', 'default', 'via', 'fd00:244::9', 'dev', 'eth0', 'metric', '1']);
    const before = await defaults();
    const input = inputOf(await intend({ defaultRoute: ['10.78.0.1', 'fd00:78::1'] }, BOTH));
    await assert.rejects(bed.steps.cniAdd(input, NEVER), /fd00:78::1/);
    assert.deepEqual(await defaults(), before);
    await pod.netns.exec([IP, '-6', 'route', 'delete', 'default', 'via', 'fd00:244::9', 'dev', 'eth0', 'metric', '1']);
    await bed.steps.cniAdd(input, NEVER);
    assert.deepEqual([await wayOut('192.0.2.1'), await wayOut('2001:db8::1')], ['net1', 'net1']);
  });

  it("gives the pod's own default back at once when it is detached, also while its DEL fails", async () => {
    const asked = { defaultRoute: ['10.78.0.1', 'fd00:78::1'] };
    const stored = await intend(asked, BOTH);
    const result = await bed.steps.cniAdd(inputOf(stored), NEVER);
    bed.fake.control({ DEL: { code: 999, msg: 'no' } });
    const { configText } = stored.value;
    const removing = inputOf(await intend(asked, BOTH, { phase: 'removing', generation: 2, result, configText }));
    await assert.rejects(bed.steps.cniDelete(removing, NEVER), /code 999/);
    assert.deepEqual(await defaults(), OWN);
  });

  it('empty means none of this network, though its definition gives one; CHECK does not miss it', async () => {
    const addresses = [
      { address: '10.78.0.7/24', gateway: '10.78.0.1' },
      { address: 'fd00:78::7/64', gateway: 'fd00:78::1' },
    ];
    const gateways = { isDefaultGateway: true, addresses };
    await bed.steps.cniAdd(inputOf(await intend({}, gateways)), NEVER);
    assert.match(await pod.netns.exec([IP, '-4', 'route', 'show', 'default']), /via 10\.78\.0\.1 dev net1/);
    assert.match(await pod.netns.exec([IP, '-6', 'route', 'show', 'default']), /via fd00:78::1 dev net1/);

    pod = await podWithDefaults();
    await bed.steps.cniAdd(inputOf(await intend({ noDefaultRoute: true }, gateways)), NEVER);
    assert.deepEqual(await defaults(), OWN);
    // Any default route would do for bridge's CHECK.
    for (const family of ['-4', '-6']) await pod.netns.exec([IP, family, 'route', 'delete', 'default']);
    const entry = await bed.deps.journal.read(pod.sandboxId, 'net1');
    assert.ok(entry?.resultText !== undefined);
    assert.equal((await bed.deps.plugins.check(entry.call, entry.resultText, NEVER)).kind, 'failed');
    assert.deepEqual(await bed.deps.plugins.check(entry.call, withoutDefaultRoutes(entry.resultText), NEVER), {
      kind: 'ok',
    });
  });
});
