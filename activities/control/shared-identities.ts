/** Two pods of a CNI network have one address, MAC or host port: the owner of each pod is told the other pod's name. */
import { holderNamed } from '../../domain/plan/address-claims.ts';
import type { SharedIdentity } from '../../domain/cni/identities.ts';
import type { Cluster, PodEvent } from '../../domain/ports/cluster.ts';
import type { AttachmentRecord } from '../../domain/records.ts';

/** @param shared what others have, too @throws PodwireError ApiUnavailable */
export async function tellOfShared(
  { cluster }: { readonly cluster: Pick<Cluster, 'createEvent'> },
  { podUid: uid, namespace, name, interfaceName }: AttachmentRecord,
  shared: readonly SharedIdentity[],
): Promise<void> {
  const own = { uid, namespace, name };
  for (const { what, holder } of shared) {
    const { interfaceName: othersInterface, ...other } = holderNamed(holder);
    await cluster.createEvent(own, alsoOf(interfaceName, what, other));
    await cluster.createEvent(other, alsoOf(othersInterface, what, own));
  }
}

const alsoOf = (
  interfaceName: string,
  what: string,
  { uid, namespace, name }: { readonly uid: string; readonly namespace: string; readonly name: string },
): PodEvent => ({
  type: 'Warning',
  reason: 'NetworkWarning',
  message: `${interfaceName}: pod ${namespace}/${name} has ${what} as well; traffic may go to either pod; ask for another one, or see to the network's IPAM if IPAM chose it`,
  key: `shared/${interfaceName}/${what}/${uid}`,
});
