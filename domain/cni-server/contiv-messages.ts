/** contiv's messages of `cni.RemoteCNI` (adapters/cni-server/contiv-cni.proto), and what they are as calls and results of the specification. */
import type { JsonObject } from '../cni/attachment.ts';
import { checkConfiguration, DEFAULT_LIMIT_MS, parseConfiguration, readVersion } from './configuration.ts';
import { readContainer } from './environment.ts';
import { CNI_CODES, CniAnswerError } from './pod-cni.ts';
import type { ContainerRequest } from './protocol.ts';

export interface ContivRequest {
  readonly version: string;
  readonly container_id: string;
  readonly network_namespace: string;
  readonly interface_name: string;
  /** What contiv-cni had on its standard input. */
  readonly extra_nw_config: string;
  /** CNI_ARGS. */
  readonly extra_arguments: string;
}

interface ContivAddress {
  readonly version: 'IPV4' | 'IPV6';
  readonly address: string;
  readonly gateway: string;
}
export interface ContivReply {
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string;
    readonly sandbox: string;
    readonly ip_addresses: readonly ContivAddress[];
  }[];
  readonly routes: readonly { readonly dst: string; readonly gw: string }[];
  readonly dns: readonly {
    readonly domain: string;
    readonly nameservers: readonly string[];
    readonly search: readonly string[];
  }[];
}

/** contiv's Delete needs a container only; whoever asks without an interface means the pod's. */
const POD_INTERFACE = 'eth0';

/** @throws CniAnswerError 1, 4, 6, 7 */
export function callOfContiv(request: ContivRequest, command: 'ADD' | 'DEL'): ContainerRequest {
  const config = configOf(request, command);
  readVersion(config, command);
  checkConfiguration(config);
  if (command === 'ADD' && config['prevResult'] !== undefined)
    throw new CniAnswerError(CNI_CODES.invalidConfig, 'CNI chaining is not supported by this plugin');
  const { container_id, network_namespace, interface_name, extra_arguments } = request;
  const container = readContainer(
    {
      CNI_CONTAINERID: container_id,
      CNI_NETNS: network_namespace,
      CNI_IFNAME: interface_name === '' && command === 'DEL' ? POD_INTERFACE : interface_name,
      CNI_ARGS: extra_arguments,
    },
    command,
  );
  return { call: { ...container, config }, limitMs: DEFAULT_LIMIT_MS };
}

/** A Delete may lack it: contiv's server never looked at it. */
function configOf({ version, extra_nw_config }: ContivRequest, command: 'ADD' | 'DEL'): JsonObject {
  if (extra_nw_config !== '' || command === 'ADD') return parseConfiguration(extra_nw_config);
  return { cniVersion: version === '' ? '0.3.1' : version, name: 'k8s-pod-network', type: 'contiv-cni' };
}

/**
 * A result as contiv-cni reads it. That prints the network part of each address, so each has the prefix length of a host; and has all addresses
 * on the last interface, so that is the pod's.
 */
export function contivReply(result: JsonObject, ifName: string): ContivReply {
  const all = objects(result['interfaces']);
  const own = Math.max(
    0,
    all.findIndex((each) => each['name'] === ifName && text(each['sandbox']) !== ''),
  );
  const addresses = (index: number): ContivAddress[] =>
    objects(result['ips'])
      .filter((ip) => (typeof ip['interface'] === 'number' ? ip['interface'] : own) === index)
      .map((ip) => addressOf(text(ip['address']), text(ip['gateway'])));
  const interfaces = all.map((each, index) => ({
    ...{ name: text(each['name']), mac: text(each['mac']), sandbox: text(each['sandbox']) },
    ip_addresses: addresses(index),
  }));
  return {
    interfaces: [...interfaces.filter((_, index) => index !== own), ...interfaces.slice(own, own + 1)],
    routes: objects(result['routes']).map((route) => ({ dst: text(route['dst']), gw: text(route['gw']) })),
    dns: objects([result['dns'] ?? null])
      .filter((dns) => Object.keys(dns).length > 0)
      .map((dns) => ({
        domain: text(dns['domain']),
        nameservers: texts(dns['nameservers']),
        search: texts(dns['search']),
      })),
  };
}

function addressOf(cidr: string, gateway: string): ContivAddress {
  const [address = ''] = cidr.split('/');
  const isSix = address.includes(':');
  return { version: isSix ? 'IPV6' : 'IPV4', address: `${address}/${isSix ? 128 : 32}`, gateway };
}

const objects = (value: unknown): JsonObject[] =>
  (Array.isArray(value) ? (value as unknown[]) : []).filter(
    (each): each is JsonObject => typeof each === 'object' && each !== null && !Array.isArray(each),
  );

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? (value as unknown[]).map(text) : []);
