/** Where podwire's rules are stricter than kube-vxlan-controller's, and which of the original's the setting `compatibility` brings back. */
import type { Compatibility } from '../settings.ts';
import { optionNamed } from './names.ts';
import type { Word } from './tokens.ts';

/** Whether the original's rules hold instead of podwire's. */
export const isOriginal = (compatibility: Compatibility): boolean => compatibility === 'kube-vxlan-controller';

/**
 * Whether the label selects a pod. Its value says no only when it is `false`; the original asks for the key alone, so that
 * `false` selects there, too.
 */
export function isSelected(value: string | undefined, compatibility: Compatibility): boolean {
  return value !== undefined && (isOriginal(compatibility) || value !== 'false');
}

/** Whether somebody may have written a label that selects the pod to say that it shall not; the original reads no value at all. */
export const looksLikeNo = (value: string, compatibility: Compatibility): boolean =>
  !isOriginal(compatibility) && ['false', 'no', 'off', '0'].includes(value.toLowerCase());

/** The original stores options under their names, so that the last of equal names is the one that counts. */
export function lastOfEach(words: readonly Word[]): readonly Word[] {
  const last = new Map<string, Word>();
  for (const word of words) {
    const key = word.text.split('=', 1)[0] ?? '';
    last.set(optionNamed(key) ?? key, word);
  }
  const kept = new Set(last.values());
  return words.filter((word) => kept.has(word));
}

/** An address that lacks its prefix length is a host's, as ip(8) reads it. */
export function withPrefixLength(address: string): string {
  if (address.includes('/') || address === 'true' || address === 'false' || address === '') return address;
  return `${address}/${address.includes(':') ? 128 : 32}`;
}
