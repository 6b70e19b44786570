/**
 * podwire's own facts about a pod, for whoever reads the reflected state: what is attached to it. Made from the status that podwire publishes
 * on the pod, so that both say the same, under a prefix of their own.
 */
import type { ObjectId } from './keys.ts';
import type { PodNetwork, PodNetworksRecord } from './records.ts';
import type { ReflectSettings } from './settings.ts';
import { STATUS_ANNOTATION } from '../settings.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../text/strict-json.ts';
import type { ReflectSource } from './messages.ts';

const ROOT = '/podwire/reflected';
/** Kubernetes allows 256 KiB for all annotations of an object. */
const MAX_STATUS_BYTES = 256 * 1024;

type Labelled = Pick<ReflectSettings, 'label'>;

export const networksPrefix = ({ label }: Labelled): string => `${ROOT}/${label}/pods/`;
export const networksKey = ({ namespace = '', name }: ObjectId, settings: Labelled): string =>
  `${networksPrefix(settings)}${namespace}/${name}`;

/** `namespace/name` of the pod; undefined for another key. */
export function parseNetworksKey(key: string, settings: Labelled): string | undefined {
  const prefix = networksPrefix(settings);
  const name = key.startsWith(prefix) ? key.slice(prefix.length) : '';
  return /^[^/]+\/[^/]+$/.test(name) ? name : undefined;
}

/** Written at the end of each resync; see `ResyncMarker`. */
export const markerKey = (source: ReflectSource, { label }: Labelled): string => `${ROOT}/${label}/markers/${source}`;

type Json = Readonly<Record<string, unknown>>;
const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** Undefined when nothing is attached. Total. */
export function podNetworksOf(pod: unknown): PodNetworksRecord | undefined {
  const metadata = record(record(pod)['metadata']);
  const name = text(metadata['name']);
  const namespace = text(metadata['namespace']);
  const network = attached(record(metadata['annotations'])[STATUS_ANNOTATION]).map(networkOf);
  if (name === undefined || namespace === undefined || network.length === 0) return undefined;
  const uid = text(metadata['uid']);
  const node = text(record(record(pod)['spec'])['nodeName']);
  return {
    name,
    namespace,
    ...(uid === undefined ? {} : { uid }),
    ...(node === undefined ? {} : { node }),
    network,
  };
}

function attached(status: unknown): Entry[] {
  if (typeof status !== 'string') return [];
  const json = parseStrictJson(status, { maxBytes: MAX_STATUS_BYTES });
  const entries = json.ok && isJsonList(json.value) ? json.value.filter(isJsonObject) : [];
  return entries.filter((entry) => member(entry, 'state') === 'Attached');
}

type Entry = Parameters<typeof member>[0];

function networkOf(entry: Entry): PodNetwork {
  const [scope = '', ...rest] = (text(member(entry, 'name')) ?? '').split('/');
  const vni = count(member(entry, 'vni'));
  const mtu = count(member(entry, 'mtu'));
  const interfaceName = text(member(entry, 'interface'));
  const mac = text(member(entry, 'mac'));
  const ips = member(entry, 'ips');
  const addresses = isJsonList(ips) ? ips.filter((ip): ip is string => typeof ip === 'string') : [];
  const name = rest.join('/');
  return {
    ...(name === '' ? {} : { name }),
    ...(scope === '' || scope === 'cluster' ? {} : { scope }),
    kind: vni === undefined ? 'cni' : 'vxlan',
    ...(interfaceName === undefined ? {} : { interface_name: interfaceName }),
    ...(mac === undefined ? {} : { mac_address: mac }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(addresses.length === 0 ? {} : { ip_addresses: addresses }),
    ...(vni === undefined ? {} : { vni }),
  };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const count = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);
