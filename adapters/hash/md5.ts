/** Kaloom names interfaces after an md5; no security rests on it. */
import { createHash } from 'node:crypto';

/** md5 of a text in UTF-8, as 32 hexadecimal digits. */
export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
