/** What a `contiv.yaml` says about addresses, and the plan of addresses that follows from it (contiv/vpp 2.0.0, `ipam.Config` and `ApplyIPAMConfig`). */
import { PodwireError } from '../failures.ts';
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { LEAST_POD_BITS, nodeAddressesOf, partsOf, type DividedSubnet, type NodeAddresses } from './addressing.ts';
import { divideContivCidr } from './contiv-cidr.ts';
import { overlap, subnetText, WIDTH, type Subnet } from './subnet.ts';

/** The keys of `ipamConfig`, in the order in which contiv's REST API shows them; '' and 0 are what Go has for keys that are not there. */
export interface ContivIpam {
  readonly podIfIPCIDR: string;
  readonly podSubnetCIDR: string;
  readonly podNetworkPrefixLen: number;
  readonly vppHostSubnetCIDR: string;
  readonly vppHostNetworkPrefixLen: number;
  readonly nodeInterconnectCIDR: string;
  readonly nodeInterconnectDHCP: boolean;
  readonly vxlanCIDR: string;
  readonly serviceCIDR: string;
  readonly contivCIDR: string;
}

export interface ContivConfig {
  readonly ipam: ContivIpam;
  /** `MTUSize`, in bytes. */
  readonly mtu?: number;
  /** `UseL2Interconnect`: packets to other nodes' pods go without a tunnel. */
  readonly withoutTunnel: boolean;
  /** `NatExternalTraffic`. */
  readonly masquerade: boolean;
  /** Of all nodes: no node may have one of them as its address. */
  readonly gateways: readonly string[];
}

/** Where services are when nobody says so, as contiv has it. */
const DEFAULT_SERVICE_CIDR = '10.96.0.0/12';

/**
 * The configuration with what `contivCIDR` stands for. It stands above the keys that follow from it, as in contiv; `nodeInterconnectCIDR` and
 * `serviceCIDR`, of which contiv loses the second, stay as they are given.
 * @throws PodwireError AddressingInvalid
 */
export function completeIpam(given: ContivIpam, ip: IpNumbers): ContivIpam {
  const ipam = { ...given, serviceCIDR: given.serviceCIDR === '' ? DEFAULT_SERVICE_CIDR : given.serviceCIDR };
  if (ipam.contivCIDR === '') return ipam;
  const parts = divideContivCidr(subnetOf('contivCIDR', ipam.contivCIDR, ip));
  if (parts === undefined)
    throw invalid(`contivCIDR ${ipam.contivCIDR} is too small: 18 bits are needed, /14 of IPv4 or /110 of IPv6`);
  const text = (subnet: Subnet): string => subnetText(subnet, ip);
  const needsInterconnect = ipam.nodeInterconnectCIDR === '' && !ipam.nodeInterconnectDHCP;
  return {
    ...ipam,
    podIfIPCIDR: text(parts.podInterfaces),
    podSubnetCIDR: text(parts.pods),
    podNetworkPrefixLen: parts.nodePrefix,
    vppHostSubnetCIDR: text(parts.hosts),
    vppHostNetworkPrefixLen: parts.nodePrefix,
    ...(needsInterconnect ? { nodeInterconnectCIDR: text(parts.nodeInterconnect) } : {}),
    vxlanCIDR: text(parts.vxlan),
  };
}

/** Which ranges the cluster's addresses come from. */
export interface AddressPlan {
  readonly pods: DividedSubnet;
  /** Absent: nodes have the addresses that they have. */
  readonly nodes?: NodeAddresses;
  readonly vxlan?: NodeAddresses;
  /** VPP's link to its host: nothing of podwire has such an address; contiv's REST API shows the node's part. */
  readonly hosts?: DividedSubnet;
  readonly services: Subnet;
}

/**
 * @param ipam complete
 * @throws PodwireError AddressingInvalid: a range that is none, that has no room, or that overlaps another one
 */
export function addressPlan(ipam: ContivIpam, gateways: readonly string[], ip: IpNumbers): AddressPlan {
  const pods = divided('podSubnetCIDR', ipam.podSubnetCIDR, 'podNetworkPrefixLen', ipam.podNetworkPrefixLen, ip);
  if (WIDTH[pods.whole.family] - pods.nodePrefix < LEAST_POD_BITS)
    throw invalid(`podNetworkPrefixLen ${pods.nodePrefix} leaves a node no address for a pod`);
  const optional = <T>(text: string, make: () => T): T | undefined => (text === '' ? undefined : make());
  const excluded = gateways.map((text) => ip.value(text) ?? invalidText('gateway', text));
  const nodes = optional(ipam.nodeInterconnectDHCP ? '' : ipam.nodeInterconnectCIDR, () => ({
    subnet: subnetOf('nodeInterconnectCIDR', ipam.nodeInterconnectCIDR, ip),
    excluded,
  }));
  const vxlan = optional(ipam.vxlanCIDR, () => ({ subnet: subnetOf('vxlanCIDR', ipam.vxlanCIDR, ip), excluded: [] }));
  const hosts = optional(ipam.vppHostSubnetCIDR, () =>
    divided('vppHostSubnetCIDR', ipam.vppHostSubnetCIDR, 'vppHostNetworkPrefixLen', ipam.vppHostNetworkPrefixLen, ip),
  );
  const services = subnetOf('serviceCIDR', ipam.serviceCIDR, ip);
  requireApart({
    podSubnetCIDR: pods.whole,
    nodeInterconnectCIDR: nodes?.subnet,
    vxlanCIDR: vxlan?.subnet,
    vppHostSubnetCIDR: hosts?.whole,
    serviceCIDR: services,
  });
  return {
    ...{ pods, services },
    ...(nodes === undefined ? {} : { nodes }),
    ...(vxlan === undefined ? {} : { vxlan }),
    ...(hosts === undefined ? {} : { hosts }),
  };
}

/** The highest node ID that there is an address for in every range. */
export function highestNodeId({ pods, nodes, vxlan }: AddressPlan): bigint {
  const limits = [
    partsOf(pods),
    ...[nodes, vxlan].flatMap((each) => (each === undefined ? [] : [nodeAddressesOf(each)])),
  ];
  return limits.reduce((least, limit) => (limit < least ? limit : least));
}

/**
 * A node's pod subnets as its Node object has them: one of each family at most, in their order.
 * @throws PodwireError AddressingInvalid: there is none, or one that cannot be used
 */
export function podSubnetsOf(
  spec: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[] },
  ip: IpNumbers,
): readonly Subnet[] {
  const { podCIDR, podCIDRs = [] } = spec;
  const texts = podCIDRs.length > 0 ? podCIDRs : podCIDR === undefined || podCIDR === '' ? [] : [podCIDR];
  if (texts.length === 0)
    throw invalid('the Node object has no podCIDR; kube-controller-manager gives it one with --allocate-node-cidrs');
  const subnets = texts.map((text) => subnetOf('podCIDR', text, ip));
  if (new Set(subnets.map(({ family }) => family)).size < subnets.length)
    throw invalid(`the Node object has two podCIDRs of one family: ${texts.join(', ')}`);
  const small = subnets.findIndex(({ family, prefix }) => WIDTH[family] - prefix < LEAST_POD_BITS);
  if (small >= 0) throw invalid(`podCIDR ${texts[small]} has no address for a pod`);
  return subnets;
}

function divided(key: string, text: string, lengthKey: string, nodePrefix: number, ip: IpNumbers): DividedSubnet {
  const whole = subnetOf(key, text, ip);
  if (nodePrefix <= whole.prefix)
    throw invalid(`${lengthKey} ${nodePrefix} must be higher than the prefix length of ${key}, ${whole.prefix}`);
  if (nodePrefix > WIDTH[whole.family])
    throw invalid(`${lengthKey} ${nodePrefix} is no prefix length of IPv${whole.family}`);
  return { whole, nodePrefix };
}

function requireApart(ranges: Readonly<Record<string, Subnet | undefined>>): void {
  const all = Object.entries(ranges);
  for (const [index, [key, range]] of all.entries())
    for (const [otherKey, other] of all.slice(index + 1))
      if (range !== undefined && other !== undefined && overlap(range, other))
        throw invalid(`${key} and ${otherKey} overlap`);
}

const subnetOf = (key: string, text: string, ip: IpNumbers): Subnet => ip.subnet(text) ?? invalidText(key, text);

function invalidText(key: string, text: string): never {
  throw invalid(text === '' ? `${key} is missing` : `${key} ${JSON.stringify(text)} cannot be read`);
}

const invalid = (why: string): PodwireError => new PodwireError('AddressingInvalid', why);
