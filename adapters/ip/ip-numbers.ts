/** IP text to numbers and back: ipaddr.js gives the bytes, the codec beside decides what is an address. */
import ipaddr from 'ipaddr.js';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import { WIDTH, type IpValue } from '../../domain/primary/subnet.ts';
import { ipCodec } from './ip-codec.ts';

const toNumber = (text: string): bigint =>
  ipaddr
    .parse(text)
    .toByteArray()
    .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

export const ipNumbers: IpNumbers = {
  value(text) {
    const address = ipCodec.address(text);
    return address === undefined ? undefined : { family: address.family, value: toNumber(address.canonical) };
  },
  subnet(text) {
    const network = ipCodec.network(text);
    if (network === undefined) return undefined;
    const [base = '', prefix] = network.canonical.split('/');
    return { family: network.family, base: toNumber(base), prefix: Number(prefix) };
  },
  text: ({ family, value }: IpValue) => {
    const digits = value.toString(16).padStart(WIDTH[family] / 4, '0');
    const address = ipaddr.fromByteArray([...Buffer.from(digits, 'hex')]);
    return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
  },
};
