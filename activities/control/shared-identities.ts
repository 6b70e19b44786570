/** Two pods of a CNI network have one address, MAC or host port: the owner of each pod is told the other pod's name. */
import { holderNamed } from '../../domain/address-claims.ts';
import type { Cluster, PodEvent } from '../../domain/ports/cluster.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord } from '../../domain/records.ts';

export interface SharedIdentityDeps {
  readonly records: Pick<RecordStore, 'sharedIdentities'>;
  readonly cluster: Pick<Cluster, 'createEvent'>;
}

/** @param record attached @throws PodwireError EtcdUnavailable, ApiUnavailable */
export async function tellOfShared({ records, cluster }: SharedIdentityDeps, record: AttachmentRecord): Promise<void> {
  const { podUid: uid, namespace, name, interfaceName } = record;
  const own = { uid, namespace, name };
  for (const { what, holder } of await records.sharedIdentities(record)) {
    const { interfaceName: othersInterface, ...other } = holderNamed(holder);
    await cluster.createEvent(own, shared(interfaceName, what, other));
    await cluster.createEvent(other, shared(othersInterface, what, own));
  }
}

const shared = (
  interfaceName: string,
  what: string,
  { uid, namespace, name }: { readonly uid: string; readonly namespace: string; readonly name: string },
): PodEvent => ({
  type: 'Warning',
  reason: 'NetworkWarning',
  message: `${interfaceName}: pod ${namespace}/${name} has ${what} as well; traffic may go to either pod; ask for another one, or see to the network's IPAM if IPAM chose it`,
  key: `shared/${interfaceName}/${what}/${uid}`,
});
