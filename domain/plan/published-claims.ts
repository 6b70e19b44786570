/** What a pod's published status says that it has: beside the kernel the only trace of its VXLAN networks once podwire's etcd is lost. */
import { networkKey, type NetworkRef } from '../network-selection.ts';
import { publishedLinks } from '../status/podwire-status.ts';
import { tunnelOf, type AttachmentRecord, type VxlanAttachmentRecord } from '../records.ts';
import { statusEntries } from '../status/status-entries.ts';
import { isJsonObject, member } from '../text/strict-json.ts';

/** Whether anything of podwire's may be in the pod. A text that cannot be read claims nothing. */
export const claimsNetworks = (publishedStatus: string | undefined): boolean =>
  publishedLinks(publishedStatus).length > 0;

/** Tunnels (`port/id`) that the pod was attached through. Total. */
export const claimedTunnels = (publishedStatus: string | undefined): readonly string[] =>
  claims(publishedStatus).map(({ tunnel }) => tunnel);

/**
 * Whether the pod was attached to the record's network through this very tunnel, by this very interface: a second interface, or one of another name,
 * has claims of its own to make.
 */
export const claimsTunnel = (
  publishedStatus: string | undefined,
  record: Pick<VxlanAttachmentRecord, 'network' | 'interfaceName' | 'link'>,
): boolean =>
  claims(publishedStatus).some(
    ({ network, interfaceName, tunnel }) =>
      network === networkKey(record.network) && interfaceName === record.interfaceName && tunnel === tunnelOf(record),
  );

/** Whether a pod was attached to a network through a tunnel (`port/id`) before an etcd was lost. */
export type Rejoins = (network: NetworkRef, tunnel: string) => boolean;

/**
 * What a pod may have again while the store is not whole, whoever is admitted by now: what its status says that it has, and what it has recorded
 * of that since. Undefined: nothing.
 */
export function rejoinsOf(
  publishedStatus: string | undefined,
  records: readonly AttachmentRecord[],
): Rejoins | undefined {
  const had = new Set([
    ...claims(publishedStatus).map(({ network, tunnel }) => `${network} ${tunnel}`),
    ...records.flatMap((record) =>
      record.kind === 'vxlan' && record.phase !== 'removing'
        ? [`${networkKey(record.network)} ${tunnelOf(record)}`]
        : [],
    ),
  ]);
  return had.size === 0 ? undefined : (network, tunnel) => had.has(`${networkKey(network)} ${tunnel}`);
}

interface Claim {
  readonly network: string;
  readonly interfaceName: unknown;
  readonly tunnel: string;
}

function claims(publishedStatus: string | undefined): Claim[] {
  return statusEntries(publishedStatus)
    .filter(isJsonObject)
    .flatMap((entry) => {
      const [network, vni, port] = [member(entry, 'name'), member(entry, 'vni'), member(entry, 'dstport')];
      const isTunnel = typeof network === 'string' && typeof vni === 'number' && typeof port === 'number';
      const interfaceName = member(entry, 'interface');
      return isTunnel && member(entry, 'state') === 'Attached'
        ? [{ network, interfaceName, tunnel: `${port}/${vni}` }]
        : [];
    });
}
