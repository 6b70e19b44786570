/** What an ADD that was made before means for the one to come. */
import { isDeepStrictEqual } from 'node:util';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { CniCall } from '../../../domain/ports/cni-plugins.ts';
import type { CniAttachmentRecord } from '../../../domain/records.ts';
import type { Begun } from './cni-attachment.ts';

/** Whether the ADD to come is for what `result` was made with: a repair, or an edit that is rolled back. */
export const isMadeAgain = ({
  result,
  madeWith,
  network,
  dialect,
  cni,
  configText,
  definitionUid,
}: CniAttachmentRecord): boolean =>
  result !== undefined &&
  (madeWith === undefined || isDeepStrictEqual(madeWith, { network, dialect, cni, configText, definitionUid }));

/**
 * The ADD for this very generation, where its answer was lost; or that of what an edit is rolled back to, where the edit came to nothing
 * before it took that away; or that of what a program in the pod took over before it could be made anew.
 */
export function resultOf(
  earlier: Begun,
  record: CniAttachmentRecord,
  call: CniCall,
  isTakenOver: boolean,
): (CniJournalEntry & { readonly resultText: string }) | undefined {
  if (typeof earlier === 'string' || earlier.resultText === undefined) return undefined;
  const isUntouched =
    record.madeWith !== undefined &&
    isMadeAgain(record) &&
    // With what it was made with, but for addresses that podwire asked for by itself.
    isDeepStrictEqual({ ...earlier.call, configArgs: call.configArgs }, { ...call, configArgs: call.configArgs });
  return earlier.generation === record.generation || isUntouched || (isTakenOver && isMadeAgain(record))
    ? { ...earlier, resultText: earlier.resultText }
    : undefined;
}
