/** `podwire reflect status|diff|resync` in the lab: what differs is named, repaired on request, and then nothing differs. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { kubectl, stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { ensurePodwire, openTestLab } from '../lab/harness.ts';
import { Reflected, TREE } from '../lab/reflected.ts';
import { podwire } from '../cli/podwire-command.ts';

describe('podwire reflect', () => {
  let lab: Lab;
  let reflected: Reflected;
  before(async () => {
    lab = await openTestLab();
    await ensurePodwire(lab);
    reflected = new Reflected(lab);
    await reflected.start();
    await reflected.synced();
    // Only what a person asks for.
    await stopPart(lab, WATCHER_PART);
  });
  after(() => reflected.close());

  const reflect = (...args: string[]) =>
    podwire(lab, ['reflect', ...args], { PODWIRE_KUBECONFIG: lab.kubeconfigs.admin });

  it('names what is missing, different and too much, and repairs it on request', async () => {
    const services = JSON.parse(await kubectl(lab, ['get', 'services', '-A', '-o', 'json'])) as {
      items: { metadata: { name: string; namespace: string } }[];
    };
    const { name = '', namespace = '' } = services.items[0]?.metadata ?? {};
    const there = `${TREE}service/${name}/namespace/${namespace}`;
    await reflected.put(there, '{"name":"something else"}');
    await reflected.put(`${TREE}service/nobody/namespace/${namespace}`, '{"name":"nobody"}');
    const different = await reflect('diff', 'service');
    assert.equal(different.code, 3, different.stderr);
    assert.match(different.stdout, new RegExp(`different {2}${there}\n`));
    assert.match(different.stdout, /extra {6}.*service\/nobody\//);

    const resync = await reflect('resync', 'service');
    assert.equal(resync.code, 0, resync.stderr);
    assert.match(resync.stdout, /service: done/);
    const same = await reflect('diff', 'service');
    assert.equal(same.code, 0, same.stdout);
  });

  it('says since when etcd is whole', async () => {
    const { code, stdout } = await reflect('status');
    assert.equal(code, 0);
    assert.match(stdout, /^service +\S+ +0 +\d+ s ago, \d+ objects/m);
  });

  it('refuses a kind that there is not, and names those that there are', async () => {
    const { code, stderr } = await reflect('resync', 'secret');
    assert.equal(code, 1);
    assert.match(stderr, /no kind secret; there are: namespace, pod, policy, service, endpoints, node/);
  });
});
