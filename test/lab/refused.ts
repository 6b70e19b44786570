/** Interfaces whose wish was refused, as podwire's records have them. */
import type { Lab } from '../../deploy/lab/lab.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { readKeys } from './records.ts';

const PREFIX = '/podwire/refusals/';

/** `uid/interface` each. */
export interface RefusedInterfaces {
  readonly all: ReadonlySet<string>;
  /** Those that have the link of before an edit (ADR 18). */
  readonly attached: ReadonlySet<string>;
}

export async function refusedInterfaces(lab: Lab): Promise<RefusedInterfaces> {
  const [refusals, attachments] = await Promise.all([readKeys(lab, PREFIX), readKeys(lab, '/podwire/attachments/')]);
  const all = new Set(refusals.map(({ key }) => key.slice(PREFIX.length)));
  const attached = attachments
    .map(({ value }) => value as AttachmentRecord)
    .filter(({ phase }) => phase === 'attached')
    .map(({ podUid, interfaceName }) => `${podUid}/${interfaceName}`);
  return { all, attached: new Set(attached.filter((each) => all.has(each))) };
}
