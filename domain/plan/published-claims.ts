/** What a pod's published status says that it has: beside the kernel the only trace of its VXLAN networks once podwire's etcd is lost. */
import { networkKey } from '../network-selection.ts';
import { publishedLinks } from '../status/podwire-status.ts';
import { tunnelOf, type VxlanAttachmentRecord } from '../records.ts';
import { statusEntries } from '../status/status-entries.ts';
import { isJsonObject, member } from '../text/strict-json.ts';

/** Whether anything of podwire's may be in the pod. A text that cannot be read claims nothing. */
export const claimsNetworks = (publishedStatus: string | undefined): boolean =>
  publishedLinks(publishedStatus).length > 0;

/** Tunnels (`port/id`) that the pod was attached through. Total. */
export const claimedTunnels = (publishedStatus: string | undefined): readonly string[] =>
  claims(publishedStatus).map(({ tunnel }) => tunnel);

/** Whether the pod was attached to the record's network through this very tunnel. */
export const claimsTunnel = (
  publishedStatus: string | undefined,
  record: Pick<VxlanAttachmentRecord, 'network' | 'link'>,
): boolean =>
  claims(publishedStatus).some(
    ({ network, tunnel }) => network === networkKey(record.network) && tunnel === tunnelOf(record),
  );

function claims(publishedStatus: string | undefined): { readonly network: string; readonly tunnel: string }[] {
  return statusEntries(publishedStatus)
    .filter(isJsonObject)
    .flatMap((entry) => {
      const [network, vni, port] = [member(entry, 'name'), member(entry, 'vni'), member(entry, 'dstport')];
      const isTunnel = typeof network === 'string' && typeof vni === 'number' && typeof port === 'number';
      return isTunnel && member(entry, 'state') === 'Attached' ? [{ network, tunnel: `${port}/${vni}` }] : [];
    });
}
