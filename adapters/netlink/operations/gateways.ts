/** Which gateways a link reaches: those within a subnet that it has a route to without a gateway. */
import { withoutDirectRoute } from '../../links/direct-routes.ts';
import { linkName } from '../../links/link-values.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { RTN } from '../codec/route.ts';
import type { NetlinkSocket } from '../socket.ts';
import { indexOf } from './links.ts';
import { routesOf } from './observe.ts';

const FAMILIES = [4, 6] as const;

/** @throws PodwireError CommandFailed when there is no such link */
export function notOnLink(socket: NetlinkSocket, link: string, gateways: readonly string[]): readonly string[] {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) throw new PodwireError('CommandFailed', `Cannot find device "${link}"`);
  const direct = FAMILIES.flatMap((family) => routesOf(socket, family, index)).filter(
    // The widest one is that of a default route, which reaches everybody.
    ({ gateway, via, type, destination }) =>
      gateway === undefined && via === undefined && type === RTN.UNICAST && !destination.endsWith('/0'),
  );
  return withoutDirectRoute(
    gateways,
    direct.map(({ destination }) => destination),
  );
}
