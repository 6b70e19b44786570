/** Which gateways a link reaches: those within a subnet that it has a route to without a gateway. */
import { withoutDirectRoute } from '../links/direct-routes.ts';
import { linkName } from '../links/link-values.ts';
import type { NetnsKernel } from '../../domain/ports/link-kernel.ts';
import { unknownOutcome } from './batch-errors.ts';
import type { RunInside } from './kernel.ts';
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
