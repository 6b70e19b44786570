/** The server refuses a command whose encoded summary exceeds 400 bytes, and the workflow task would fail for ever. */
const MAX_SUMMARY_CHARACTERS = 180;

/** A line for the UI that the server takes. */
export function shortSummary(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?');
  return plain.length <= MAX_SUMMARY_CHARACTERS ? plain : `${plain.slice(0, MAX_SUMMARY_CHARACTERS - 3)}...`;
}
