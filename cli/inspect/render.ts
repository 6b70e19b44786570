/**
 * The output of kube-vxlan-controller's `inspect nets` and `list pods` (0.10.3), byte for byte: programs read it. What comes from
 * iproute2 is passed on as it was printed, but for the cuts and indents that the original makes.
 */

/** What a block of `inspect nets` may show, in the order of `--fields=all`. */
const FIELDS = ['pod', 'net', 'fdb', 'dev', 'route'] as const;
export type Field = (typeof FIELDS)[number];

/** One member of a network, with the kernel's words where the fields need them. */
export interface ShownMember {
  readonly namespace: string;
  readonly name: string;
  /** Empty while the pod has none. */
  readonly ip: string;
  readonly options: ReadonlyMap<string, string>;
  /** Output of `bridge fdb show dev`, `ip -d addr show dev` and `ip route show dev`; absent where not asked for. */
  readonly fdb?: string;
  readonly dev?: string;
  readonly route?: string;
}

/** Unknown names are ignored; the others come in the order in which they are given. */
export function fieldsOf(text: string): Field[] {
  if (text === 'all') return [...FIELDS];
  return text.split(',').filter((word): word is Field => FIELDS.some((field) => field === word));
}

export function networkText(network: string, members: readonly ShownMember[], fields: readonly Field[]): string {
  return [`[${network}]\n`, ...members.map((member) => `${memberLines(member, fields)}\n`)].join('');
}

/** The lines of one member without the empty one that ends its block. */
export const memberLines = (member: ShownMember, fields: readonly Field[]): string =>
  fields.map((field) => ` ${field}: ${fieldText(member, field)}\n`).join('');

function fieldText(member: ShownMember, field: Field): string {
  switch (field) {
    case 'pod':
      return `${member.namespace}/${member.name} ${member.ip}`;
    case 'net':
      return trimmed([...member.options].map(([key, value]) => `${key}:${value}`).join(' '));
    case 'fdb':
      return indented(linesOf(member.fdb), 6);
    case 'dev':
      return indented(
        linesOf(member.dev).flatMap((line) => (line.length < 3 ? [] : [line.slice(3)])),
        6,
      );
    case 'route':
      return indented(linesOf(member.route), 8);
  }
}

/** A line for each address, and one without an address where there is none. */
export function listLines(
  pod: { readonly namespace: string; readonly name: string },
  network: string,
  addresses: string | undefined,
): string {
  const found = ipv4Of(addresses);
  return (found.length === 0 ? [''] : found)
    .map((cidr) => `${pod.namespace}/${pod.name} ${network} ${cidr}\n`)
    .join('');
}

/** IPv4 addresses with prefix length, in the words of `ip addr show`. */
export const ipv4Of = (addresses: string | undefined): string[] =>
  linesOf(addresses).flatMap((line) => {
    const [family, cidr] = line.split(' ').filter((word) => word !== '');
    return family === 'inet' && cidr !== undefined ? [cidr] : [];
  });

export const linesOf = (text = ''): string[] => text.split('\n').filter((line) => line !== '');

const indented = (lines: readonly string[], by: number): string => trimmed(lines.join(`\n${' '.repeat(by)}`));

/** Erlang's string:trim/1: Unicode's pattern white space. */
const trimmed = (text: string): string =>
  text.replace(/^[\t-\r \u0085\u200e\u200f\u2028\u2029]+|[\t-\r \u0085\u200e\u200f\u2028\u2029]+$/g, '');
