/** A VXLAN network that only pods name keeps its tunnel while it has members, and goes over to another one when all of them ask for that. */

/** An interface that uses a tunnel (`port/id`) of its network. */
export interface NetworkUser {
  readonly podUid: string;
  readonly interfaceName: string;
  readonly tunnel: string;
}

/**
 * Who may keep a pod from a tunnel: interfaces of other pods that use another one. One that is just leaving that for the tunnel does not.
 * @param users of the network
 */
export function usersInTheWay(users: readonly NetworkUser[], podUid: string, tunnel: string): readonly NetworkUser[] {
  const there = new Set(users.filter((user) => user.tunnel === tunnel).map(interfaceOf));
  return users.filter((user) => user.podUid !== podUid && user.tunnel !== tunnel && !there.has(interfaceOf(user)));
}

/** Names an interface among those of all pods. */
export const interfaceOf = ({ podUid, interfaceName }: Pick<NetworkUser, 'podUid' | 'interfaceName'>): string =>
  `${podUid}/${interfaceName}`;
