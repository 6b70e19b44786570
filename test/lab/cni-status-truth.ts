/** StatusTruth of CNI networks: what NPWG's annotation says of each interface, too. */
import assert from 'node:assert/strict';
import { linksIn, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import { npwgStatus } from './cni-networks.ts';
import { statusTruth } from './status-truth.ts';

/** @throws Error, AssertionError where an annotation and the kernel differ */
export async function statusTruthOfCni(lab: Lab, pod: PodRef): Promise<void> {
  await statusTruth(lab, [pod]);
  const links = await linksIn(await podNetnsPath(lab, pod));
  for (const entry of await npwgStatus(lab, pod)) {
    const link = links.find(({ name }) => name === entry.interface);
    assert.deepEqual(
      entry.ips,
      link?.addresses.map((address) => address.split('/')[0]),
    );
    assert.equal(entry.mac, link?.mac);
  }
}
