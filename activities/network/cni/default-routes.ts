/**
 * NPWG's `default-route`: the gateways that a pod asks for come before its own default routes, which are not touched and count again when
 * these go. All of them, or none.
 */
import { PodwireError } from '../../../domain/failures.ts';
import type { NetnsView } from '../../../domain/vxlan/link-observation.ts';
import type { IdentifiedNetns, LinkCommand } from '../../../domain/ports/link-kernel.ts';
import type { CniAttachmentRecord } from '../../../domain/records.ts';
import type { CniDeps } from '../deps.ts';

const DEFAULTS = new Set(['0.0.0.0/0', '::/0']);

/** Repeatable. @throws PodwireError GatewayNotOnLink before anything was changed; after any other failure the pod's own default counts */
export async function setDefaultRoutes(
  deps: CniDeps,
  record: CniAttachmentRecord,
  netns: IdentifiedNetns,
): Promise<void> {
  const { interfaceName: name, cni } = record;
  const { kernel } = deps;
  if (cni.noDefaultRoute === true) return dropDefaultRoutes(deps, name, netns);
  if (cni.defaultRoute.length === 0) return;
  const wrong = await kernel.notOnLink(netns, name, cni.defaultRoute);
  if (wrong.length > 0) throw notOnLink(record, wrong);
  const there = defaultsOf(await kernel.observe(netns), name).flatMap(({ gateway, foreign }) =>
    foreign === true ? [] : [gateway],
  );
  const missing = cni.defaultRoute.filter((gateway) => !there.includes(gateway));
  try {
    await kernel.execute(
      netns,
      missing.map((gateway): LinkCommand => ({ op: 'prefer-default', name, gateway })),
    );
  } catch (error) {
    await giveBackDefaultRoutes(deps, record, netns).catch((failure: unknown) => deps.onUndoFailed(record, failure));
    throw error;
  }
}

/** The pod's own default routes count again. Those that are not there, or whose link is gone, are fine. */
export async function giveBackDefaultRoutes(
  { kernel }: CniDeps,
  { interfaceName: name, cni }: CniAttachmentRecord,
  netns: IdentifiedNetns,
): Promise<void> {
  await kernel.execute(
    netns,
    cni.defaultRoute.map((gateway): LinkCommand => ({ op: 'unprefer-default', name, gateway })),
  );
}

/**
 * What the network's definition gave. IPv6 puts routes of one metric together, the pod's own among them, and would take them all away for
 * a command that names none of their gateways; IPv4 does not, and has routes without a gateway.
 */
async function dropDefaultRoutes({ kernel }: CniDeps, name: string, netns: IdentifiedNetns): Promise<void> {
  const given = defaultsOf(await kernel.observe(netns), name);
  await kernel.execute(netns, [
    ...given.map(({ gateway }): LinkCommand => ({ op: 'drop-default', name, gateway })),
    { op: 'drop-default', name },
  ]);
}

const defaultsOf = ({ routes }: NetnsView, name: string): NetnsView['routes'] =>
  routes.filter(({ link, destination }) => link === name && DEFAULTS.has(destination));

const notOnLink = ({ interfaceName, network }: CniAttachmentRecord, wrong: readonly string[]): PodwireError =>
  new PodwireError(
    'GatewayNotOnLink',
    `default-route ${wrong.join(', ')}: no subnet of network ${network.name} on interface ${interfaceName} has this gateway, so the kernel takes no route through it; give one within the network, or correct the network's IPAM`,
  );
