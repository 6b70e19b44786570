/** IP text to canonical text; implemented with a library by adapters/ip, injected because domain imports nothing. */
export interface IpCodec {
  /** Canonical address, or undefined when the text is none (only dotted quads and RFC 4291 forms, no zone). */
  address(text: string): { readonly family: 4 | 6; readonly canonical: string } | undefined;
  /** `address/prefix` kept with its host bits; undefined when it is none. */
  cidr(
    text: string,
  ):
    | { readonly family: 4 | 6; readonly address: string; readonly prefix: number; readonly canonical: string }
    | undefined;
  /** The network of a CIDR (host bits cleared). */
  network(text: string): { readonly family: 4 | 6; readonly canonical: string } | undefined;
  /** What kind of address it is, as `unicast`, `multicast`, `loopback`, `linkLocal`, `unspecified`, `broadcast`, …. */
  range(address: string): string;
}
