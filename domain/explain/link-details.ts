/** What a kernel says of a link, out of the text that a pod is looked into with. */

export interface LinkDetails {
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  readonly mac?: string;
  readonly vni?: number;
  /** CIDRs, without those that the kernel gives each link by itself (fe80::/64). */
  readonly addresses: readonly string[];
}

/** @param text of `ip -d addr show dev LINK` (iproute2's ip/ipaddress.c). @returns undefined: there is no such link */
export function readLinkDetails(text: string): LinkDetails | undefined {
  const [, flags, mtu] = /^\d+: [^ ]+ <([^>]*)> mtu (\d+)/m.exec(text) ?? [];
  if (flags === undefined) return undefined;
  const mac = /^ +link\/ether ([0-9a-f:]{17})/m.exec(text)?.[1];
  const vni = /^ +vxlan id (\d+)/m.exec(text)?.[1];
  const addresses = [...text.matchAll(/^ +inet6? ([^ ]+) .*?scope (\w+)/gm)]
    .filter(([, , scope]) => scope !== 'link')
    .flatMap(([, address]) => address ?? []);
  return {
    ...{ up: flags.split(',').includes('UP'), mtu: Number(mtu), addresses },
    ...(mac === undefined ? {} : { mac }),
    ...(vni === undefined ? {} : { vni: Number(vni) }),
  };
}
