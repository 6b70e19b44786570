/** Which gateways a link reaches. */
import ipaddr from 'ipaddr.js';

/** @param direct canonical CIDRs that a link has a route to without a gateway */
export function withoutDirectRoute(gateways: readonly string[], direct: readonly string[]): string[] {
  const subnets = direct.map((cidr) => ipaddr.parseCIDR(cidr));
  return gateways.filter((text) => {
    const gateway = ipaddr.parse(text);
    if (gateway.range() === 'linkLocal' && gateway.kind() === 'ipv6') return false;
    return !subnets.some((subnet) => subnet[0].kind() === gateway.kind() && gateway.match(subnet));
  });
}
