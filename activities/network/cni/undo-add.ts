/** Undoes an ADD with its plugins, and looks at what they left. Repeatable at any point. */
import { findOwnLink } from '../../../domain/cni/own-link.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { IdentifiedNetns } from '../../../domain/ports/link-kernel.ts';
import type { CniDeps } from '../deps.ts';
import { underOwnName, type NamedAttachment } from '../own-name.ts';

export interface BegunAdd extends NamedAttachment {
  /** As people know it. */
  readonly network: string;
  /** @param netnsPath empty: nothing of it is in the pod */
  del(netnsPath: string): Promise<void>;
}

/**
 * @param netns undefined: it is gone, and with it what was in it; the kernel takes its time over the other ends
 * @throws PodwireError as CniPlugins.del; CniFailed while anything is left in the pod or on the host
 */
export async function undoAdd(
  deps: Pick<CniDeps, 'kernel' | 'temporaryName'>,
  add: BegunAdd,
  netns: IdentifiedNetns | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (netns === undefined) return add.del('');
  await underOwnName(deps, netns, add, (netnsPath) => add.del(netnsPath));
  await requireGone(deps, add, netns);
  await requireHostEndGone(deps, add, signal);
}

async function requireGone(
  { kernel }: Pick<CniDeps, 'kernel'>,
  { network, interfaceName, made }: BegunAdd,
  netns: IdentifiedNetns,
): Promise<void> {
  if (kernel.surelyLacks(netns, interfaceName)) return;
  const { own } = findOwnLink((await kernel.observe(netns)).links, interfaceName, made);
  if (own === undefined) return;
  throw new PodwireError(
    'CniFailed',
    `the plugins of network ${network} report success, but interface ${interfaceName} is still in the pod${own.name === interfaceName ? '' : ` as ${own.name}`}; see the plugins' own log`,
  );
}

/** A link that a program in the pod moved to another namespace is out of the plugins' sight; its other end is not. */
async function requireHostEndGone(
  { kernel }: Pick<CniDeps, 'kernel'>,
  { network, interfaceName, made }: BegunAdd,
  signal: AbortSignal,
): Promise<void> {
  if (made?.hostIfindex === undefined) return;
  const { hostIfindex, ifindex } = made;
  const end = (await kernel.hostEnds(signal)).find(
    (each) => each.ifindex === hostIfindex && each.peerIfindex === ifindex,
  );
  if (end === undefined) return;
  const where = end.bridge === undefined ? '' : ` (a port of ${end.bridge})`;
  throw new PodwireError(
    'CniFailed',
    `the plugins of network ${network} report success, but the host's end of interface ${interfaceName} is still there: ${end.name}${where}; a program in the pod moved the interface to another network namespace: end that, or delete ${end.name} on the node`,
  );
}
