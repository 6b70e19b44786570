/** StatusTruth: the published status says what the kernel says. */
import { STATUS } from '../../deploy/demo/cluster.ts';
import { linksIn, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { kubectl, podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import type { NetworkStatus } from '../../domain/status/podwire-status.ts';
import { settle, type SettleOptions } from './settle.ts';

/** @param pods running pods. @throws Error `StatusTruth …` */
export async function statusTruth(lab: Lab, pods: readonly PodRef[], o?: SettleOptions): Promise<void> {
  const look = async (): Promise<string[]> => (await Promise.all(pods.map((pod) => violations(lab, pod)))).flat();
  await settle('StatusTruth', look, o);
}

/** The status annotation of a pod; empty when it has none. */
export async function publishedStatus(lab: Lab, pod: PodRef): Promise<NetworkStatus[]> {
  const text = await kubectl(lab, ['-n', pod.namespace, 'get', 'pod', pod.name, '-o', 'json']);
  const { metadata } = JSON.parse(text) as { metadata: { annotations?: Record<string, string> } };
  const status = metadata.annotations?.[STATUS];
  return status === undefined ? [] : (JSON.parse(status) as NetworkStatus[]);
}

async function violations(lab: Lab, pod: PodRef): Promise<string[]> {
  const [status, links] = await Promise.all([
    publishedStatus(lab, pod),
    podNetnsPath(lab, pod).then((netns) => linksIn(netns)),
  ]);
  const said = status.filter((entry) => entry.state === 'Attached');
  const unsaid = links
    .filter(
      (link) => link.alias?.startsWith('podwire:') === true && !said.some((entry) => entry.interface === link.name),
    )
    .map((link) => `${link.name} is there, the status does not call it Attached`);
  return [...said.flatMap((entry) => entryViolations(entry, links)), ...unsaid].map(
    (line) => `${pod.namespace}/${pod.name}: ${line}`,
  );
}

function entryViolations(entry: NetworkStatus, links: readonly SeenLink[]): string[] {
  const link = links.find(({ name }) => name === entry.interface);
  if (link === undefined) return [`the status calls ${entry.interface ?? entry.name} Attached, there is no such link`];
  const checks: [string, unknown, unknown][] = [
    ['vni', entry.vni, link.vni],
    ['dstport', entry.dstport, link.dstPort],
    ['mac', entry.mac, link.mac],
    ['mtu', entry.mtu, link.mtu],
    ['ips', [...(entry.ips ?? [])].sort().join(' '), link.addresses.join(' ')],
  ];
  return checks
    .filter(([, status, kernel]) => status !== kernel)
    .map(
      ([name, status, kernel]) => `${link.name}: status has ${name} ${String(status)}, the kernel ${String(kernel)}`,
    );
}
