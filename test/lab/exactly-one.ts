/** ExactlyOne: a live pod has exactly one right link for each VXLAN network it asks for, and no other link of ours. */
import {
  linksIn,
  routesIn,
  vxlanOf,
  type PodRef,
  type SeenLink,
  type SeenRoute,
} from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import { keepAll } from '../../domain/plan/keep.ts';
import { networkKey, type VxlanSelection } from '../../domain/network-selection.ts';
import { refusedInterfaces, type RefusedInterfaces } from './refused.ts';
import { settle, type SettleOptions } from './settle.ts';
import { askingPods, type AskingPod } from './asking-pods.ts';

/** @param pods pods that ended or do not exist are fine. @throws Error `ExactlyOne …` */
export async function exactlyOne(lab: Lab, pods: readonly PodRef[], o?: SettleOptions): Promise<void> {
  await settle('ExactlyOne', () => violations(lab, pods), o);
}

async function violations(lab: Lab, pods: readonly PodRef[]): Promise<string[]> {
  const [asking, refused] = await Promise.all([askingPods(lab), refusedInterfaces(lab)]);
  const wanted = asking.filter((each) =>
    pods.some((pod) => pod.namespace === each.namespace && pod.name === each.name),
  );
  const found = await Promise.all(
    wanted
      .filter(({ view }) => view.phaseClass === 'counts' && !view.hostNetwork)
      .map((pod) => podViolations(lab, pod, refused)),
  );
  return found.flat();
}

async function podViolations(lab: Lab, pod: AskingPod, refused: RefusedInterfaces): Promise<string[]> {
  const netns = await podNetnsPath(lab, pod);
  const [links, routes] = await Promise.all([linksIn(netns), routesIn(netns)]);
  const who = `${pod.namespace}/${pod.name}`;
  const idOf = ({ link }: VxlanSelection): string => `${pod.view.uid}/${link.interfaceName}`;
  const allDesired = pod.vxlan.filter((desired) => !refused.all.has(idOf(desired)));
  const wrong = allDesired.flatMap((desired) => linkViolations(links, routes, desired, pod.view.uid));
  const edited = pod.vxlan
    .filter((desired) => refused.attached.has(idOf(desired)))
    .map(({ link }) => link.interfaceName);
  const kept = new Set([...pod.keep, ...edited]);
  const isKept = ({ name, kind }: SeenLink): boolean =>
    kept.has(name) || (kind === 'vxlan' && kept.has(keepAll('openvnf')));
  const extra = links
    .filter((link) => link.kind === 'vxlan' || link.alias?.startsWith('podwire:') === true)
    .filter((link) => !allDesired.some((desired) => desired.link.interfaceName === link.name) && !isKept(link))
    .map((link) => `${link.name} is there and not asked for (alias ${link.alias ?? 'none'})`);
  return [...wrong, ...extra].map((line) => `${who}: ${line}`);
}

function linkViolations(
  links: readonly SeenLink[],
  routes: readonly SeenRoute[],
  desired: VxlanSelection,
  podUid: string,
): string[] {
  const { link: spec } = desired;
  const what = `${spec.interfaceName} (network ${networkKey(desired.network)})`;
  const named = links.filter((link) => link.name === spec.interfaceName);
  const [link] = named;
  if (link === undefined) return [`${what}: no such link; there are: ${links.map(({ name }) => name).join(', ')}`];
  const twins = vxlanOf(links).filter((each) => each.vni === spec.vni && each.dstPort === spec.dstPort);
  const parent = links.find(({ name }) => name === spec.parent);
  const mtu = spec.mtu ?? (parent?.mtu ?? 0) - 50;
  const checks: [string, unknown, unknown][] = [
    ['links of that name', named.length, 1],
    ['links of that id', twins.length, 1],
    ['kind', link.kind, 'vxlan'],
    ['id', link.vni, spec.vni],
    ['port', link.dstPort, spec.dstPort],
    ['parent', link.parent, spec.parent],
    ['mtu', link.mtu, mtu],
    ['up', link.up, spec.up],
    ['addresses', link.addresses.join(' '), [...spec.addresses].sort().join(' ')],
    ['alias belongs to the pod', link.alias?.startsWith(`podwire:${podUid}:`), true],
  ];
  const missing = spec.routes
    .filter((route) => !routes.some((seen) => seen.destination === route.destination && seen.gateway === route.gateway))
    .map((route) => `${what}: no route ${route.destination} via ${route.gateway}`);
  return [
    ...checks
      .filter(([, seen, right]) => seen !== right)
      .map(([name, seen, right]) => `${what}: ${name} is ${String(seen)}, should be ${String(right)}`),
    ...missing,
  ];
}
