/** Which gateways a link reaches: those within a subnet that it has a route to without a gateway. */
import ipaddr from 'ipaddr.js';
import type { NetnsKernel } from '../../domain/ports/link-kernel.ts';
import { unknownOutcome } from './batch-errors.ts';
import type { RunInside } from './kernel.ts';
import { linkName } from './lines.ts';
import { parseDirectRoutes } from './views.ts';

const TIMEOUT_MS = 3_000;

export function createGatewayLook(inside: RunInside): NetnsKernel['notOnLink'] {
  return async (netns, link, gateways) => {
    const args = ['-j', 'route', 'show', 'table', 'all', 'dev', linkName(link)];
    const result = await inside(netns, { program: 'ip', args, timeoutMs: TIMEOUT_MS });
    if (result.code !== 0 || result.truncated) throw unknownOutcome(`ip route show dev ${link}`, result);
    return withoutDirectRoute(gateways, parseDirectRoutes(result.stdout));
  };
}

/** @param direct canonical CIDRs that a link has a route to without a gateway */
export function withoutDirectRoute(gateways: readonly string[], direct: readonly string[]): string[] {
  const subnets = direct.map((cidr) => ipaddr.parseCIDR(cidr));
  return gateways.filter((text) => {
    const gateway = ipaddr.parse(text);
    if (gateway.range() === 'linkLocal' && gateway.kind() === 'ipv6') return false;
    return !subnets.some((subnet) => subnet[0].kind() === gateway.kind() && gateway.match(subnet));
  });
}
