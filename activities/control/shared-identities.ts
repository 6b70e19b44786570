/** Two pods of a CNI network with one address, MAC or host port: the owners of both are told, each with the other's name. */
import { holderNamed } from '../../domain/address-claims.ts';
import type { SharedIdentity } from '../../domain/cni-identities.ts';
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
  message: `${interfaceName}: ${what} is also that of pod ${namespace}/${name}; traffic may go to either of them; ask for another one, or see to the network's IPAM if it gave it`,
  key: `shared/${interfaceName}/${what}/${uid}`,
});
