/** Ethernet and InfiniBand addresses as users write them: bytes in hex with ":" or "-" between them. */
import { read, refused, type Reading } from '../openvnf/reading.ts';

export const MAC_RULE = 'six bytes in hex such as 02:23:45:67:89:01, neither a multicast address nor 00:00:00:00:00:00';

/** A unicast Ethernet address, in lower case with colons. */
export function readMac(text: string): Reading<string> {
  const bytes = bytesOf(text);
  if (bytes?.length !== 6) return refused('is no Ethernet address of six bytes');
  if (bytes.every((byte) => byte === '00')) return refused('is the zero address');
  if (Number.parseInt(bytes[0] ?? '', 16) % 2 === 1) return refused('is a multicast address');
  return read(bytes.join(':'));
}

export const GUID_RULE = 'eight bytes in hex such as c2:11:22:33:44:55:66:77, not all zero';

/** An InfiniBand GUID, in lower case with colons. */
export function readGuid(text: string): Reading<string> {
  const bytes = bytesOf(text);
  if (bytes?.length !== 8) return refused('is no InfiniBand GUID of eight bytes');
  if (bytes.every((byte) => byte === '00')) return refused('is the zero GUID');
  return read(bytes.join(':'));
}

function bytesOf(text: string): string[] | undefined {
  if (text.length > 64 || !/^[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(\1[0-9a-fA-F]{2})*$/.test(text)) return undefined;
  return text.toLowerCase().split(/[:-]/);
}
