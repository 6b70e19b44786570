/** Who uses which tunnel of a network, and who of them waits to leave it. */
import * as keys from '../../domain/keys.ts';
import { usersInTheWay, type NetworkUser } from '../../domain/plan/moving-networks.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { RefusalRecord } from '../../domain/records.ts';
import type { Entry, Etcd } from './client.ts';
import { readable, refusalSchema } from './schemas.ts';

/** How many refusals are asked for at once: less than a transaction of etcd may have operations. */
const ASKS = 100;

/** @param entries below `usersPrefix` of the network */
export function networkUsers(network: NetworkRef, entries: readonly Entry[]): readonly NetworkUser[] {
  const prefix = keys.usersPrefix(network);
  return entries.map(({ key, value }) => {
    const [podUid = '', rest = ''] = key.slice(prefix.length).split('/');
    return { podUid, interfaceName: rest.split('~', 1)[0] ?? '', tunnel: value };
  });
}

/**
 * The first user that keeps a pod from a tunnel of its network: it uses another one, and was not refused the same tunnel. A user that stops
 * asking in between stays where it is, as if it had gone back after the network had gone.
 */
export async function userHoldingBack(
  etcd: Etcd,
  { network, podUid, tunnel }: { readonly network: NetworkRef; readonly podUid: string; readonly tunnel: string },
  users: readonly NetworkUser[],
): Promise<NetworkUser | undefined> {
  const inTheWay = usersInTheWay(users, podUid, tunnel);
  for (let first = 0; first < inTheWay.length; first += ASKS) {
    const some = inTheWay.slice(first, first + ASKS);
    const refusals = await etcd.read(some.map((user) => ({ key: keys.refusalKey(user.podUid, user.interfaceName) })));
    const staying = some.find((_, index) => !isRefused(refusals[index]?.[0], network, tunnel));
    if (staying !== undefined) return staying;
  }
  return undefined;
}

function isRefused(entry: Entry | undefined, network: NetworkRef, tunnel: string): boolean {
  const refusal = readable(refusalSchema, entry);
  return refusal !== undefined && waitsToMove(refusal, network, tunnel);
}

/** Whether a refusal is that of an interface that waits for a tunnel of its network. */
export const waitsToMove = (refusal: RefusalRecord, network: NetworkRef, tunnel: string): boolean =>
  refusal.waitsForTunnel === tunnel && networkKey(refusal.network) === networkKey(network);
