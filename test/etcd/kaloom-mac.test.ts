/** What the pod's owner is told when the plugin of a Kaloom network does not heed `ifMac`. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { IF_MAC_ARG } from '../../domain/kaloom/ignored-mac.ts';
import type { NetworkStatus } from '../../domain/status/podwire-status.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { controlOver, NO_SIGNALS } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { cniIntent, RESULT } from './some-records.ts';

const POD = { uid: 'kaloom-pod', namespace: 'kaloom-pod', name: 'web' };
const OTHER_MAC = '02:00:00:00:00:77';

describe('the MAC address of a Kaloom network', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  let records: RecordStore;
  before(() => {
    records = createRecordStore(real.etcd);
    cluster.pods.set(`${POD.namespace}/${POD.name}`, {
      ...{ ...POD, nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
      ...{ podIPs: ['10.0.0.9'], labels: {}, annotations: {}, publishedStatus: undefined },
    });
  });

  /** Attached with the MAC of `RESULT`, whatever was asked for. */
  const attach = async (interfaceName: string, ifMac: string): Promise<void> => {
    const record = cniIntent(POD.uid, {
      ...{ dialect: 'kaloom', interfaceName, network: { scope: 'default', name: interfaceName } },
      cni: { kind: 'cni', interfaceName, capabilityArgs: {}, args: [[IF_MAC_ARG, ifMac]], defaultRoute: [] },
    });
    const intent = await records.recordIntent(record);
    assert.ok(intent.kind === 'recorded');
    assert.ok(await records.recordResult(intent.stored, RESULT, undefined));
  };

  it('is said in a warning, once, and in the status where it is another than asked for; the network stays attached', async () => {
    await attach('asked', RESULT.mac);
    await attach('other', OTHER_MAC);
    await attach('free', '');
    const control = controlOver(records, cluster, NO_SIGNALS);
    const attached = ['asked', 'other', 'free'].map((name) => ({
      ...{ interfaceName: name, network: { scope: 'default', name } },
    }));
    for (let times = 0; times < 2; times += 1) await control.publishStatus({ ...POD, attached, detached: [] });

    const what = `ifMac ${OTHER_MAC} was asked for, the interface has ${RESULT.mac}`;
    const warnings = cluster.eventsOf(POD.uid).filter((event) => event.startsWith('NetworkWarning'));
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]?.startsWith(`NetworkWarning: other: ${what}`), warnings[0]);

    const text = cluster.pods.get(`${POD.namespace}/${POD.name}`)?.publishedStatus ?? '[]';
    const shown = (JSON.parse(text) as NetworkStatus[]).map(
      ({ interface: name, state, mac, code, message }) =>
        `${String(name)} ${state} ${String(mac)} ${code ?? ''} ${message?.slice(0, what.length) ?? ''}`,
    );
    assert.deepEqual(shown.sort(), [
      `asked Attached ${RESULT.mac}  `,
      `free Attached ${RESULT.mac}  `,
      `other Attached ${RESULT.mac} MacIgnored ${what}`,
    ]);
  });
});
