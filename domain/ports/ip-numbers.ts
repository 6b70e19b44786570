/** IP text to numbers and back; implemented with a library by adapters/ip, injected because domain imports nothing. */
import type { IpValue, Subnet } from '../primary/subnet.ts';

export interface IpNumbers {
  /** undefined when the text is no address (as `IpCodec.address` has it). */
  value(text: string): IpValue | undefined;
  /** `address/prefix` with its host bits cleared; undefined when it is none. */
  subnet(text: string): Subnet | undefined;
  /** Canonical text; RFC 5952 for IPv6. */
  text(value: IpValue): string;
}
