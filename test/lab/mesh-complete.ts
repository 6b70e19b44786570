/** MeshComplete: each member of a network floods to every other member, once, and to nobody else. */
import { floodTargets } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import { networkKey } from '../../domain/network-selection.ts';
import { readKeys } from './records.ts';
import { refusedInterfaces } from './refused.ts';
import { settle, type SettleOptions } from './settle.ts';
import { askingPods } from './asking-pods.ts';

/**
 * Members are taken from the API (who asks for the network and lives) and compared with etcd's and with every member's kernel.
 *
 * @param network `scope/name`, for example `cluster/vxeth1`
 * @throws Error `MeshComplete …`
 */
export async function meshComplete(lab: Lab, network: string, o?: SettleOptions): Promise<void> {
  await settle(`MeshComplete of ${network}`, () => violations(lab, network), o);
}

async function violations(lab: Lab, network: string): Promise<string[]> {
  const prefix = `/podwire/networks/${network}/members/`;
  const [asking, members, refused] = await Promise.all([
    askingPods(lab),
    readKeys(lab, prefix),
    refusedInterfaces(lab),
  ]);
  const isOut = (id: string): boolean => refused.all.has(id) && !refused.attached.has(id);
  const allDesired = asking.flatMap((pod) =>
    pod.vxlan
      .filter((each) => networkKey(each.network) === network && !isOut(`${pod.view.uid}/${each.link.interfaceName}`))
      .map(({ link }) => ({ pod, link, vtep: pod.view.podIPs[0] ?? '', key: `${pod.view.uid}/${link.interfaceName}` })),
  );
  const recorded = members.map(({ key }) => key.slice(prefix.length)).sort();
  const expected = allDesired.map(({ key }) => key).sort();
  if (recorded.join() !== expected.join()) {
    return [`etcd has members [${recorded.join(', ')}], the API says [${expected.join(', ')}]`];
  }
  const found = await Promise.all(
    allDesired.map(async ({ pod, link, vtep }) => {
      const targets = await floodTargets(await podNetnsPath(lab, pod), link.interfaceName);
      const right = [...allDesired.map((other) => other.vtep).filter((other) => other !== vtep), ...link.peers].sort();
      if (targets.join() === right.join()) return [];
      return [
        `${pod.namespace}/${pod.name} ${link.interfaceName} floods to [${targets.join(', ')}], should be [${right.join(', ')}]`,
      ];
    }),
  );
  return found.flat();
}
