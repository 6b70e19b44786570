/** The VXLAN attachments among records, and the key of their devices. */
import type { AttachmentRecord, Stored, VxlanAttachmentRecord } from '../../../domain/records.ts';

export const vxlanOnly = (attachments: readonly Stored<AttachmentRecord>[]): VxlanAttachmentRecord[] =>
  attachments.flatMap(({ value }) => (value.kind === 'vxlan' ? [value] : []));

/** One per sandbox and interface, whatever the device is at the moment. */
export const deviceKey = ({ podUid, sandboxId, interfaceName }: VxlanAttachmentRecord): string =>
  `${podUid}/${sandboxId}/${interfaceName}`;
