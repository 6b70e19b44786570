import type { ObjectId } from '../keys.ts';
import type { Reading } from '../reading.ts';
import type { NodeAddressType, NodeRecord } from '../records.ts';
import { message } from './message.ts';

type Address = NonNullable<NodeRecord['addresses']>[number];
type SystemInfo = NonNullable<NodeRecord['node_info']>;

const ADDRESS_TYPES: ReadonlyMap<string, NodeAddressType> = new Map([
  ['Hostname', 'NodeHostName'],
  ['ExternalIP', 'NodeExternalIP'],
  ['InternalIP', 'NodeInternalIP'],
  ['ExternalDNS', 'NodeExternalDNS'],
  ['InternalDNS', 'NodeInternalDNS'],
]);

/** Addresses of other types are left out; `node_info` is always there. */
export function nodeRecord(object: Reading, { name }: ObjectId): NodeRecord {
  const spec = object.child('spec');
  const status = object.child('status');
  return message<NodeRecord>({
    name,
    pod_CIDR: spec.text('podCIDR'),
    provider_ID: spec.text('providerID'),
    addresses: status.children('addresses').flatMap(address),
    node_info: systemInfo(status.child('nodeInfo')),
  });
}

function address(read: Reading): Address[] {
  const type = ADDRESS_TYPES.get(read.text('type'));
  return type === undefined ? [] : [message<Address>({ type, address: read.text('address') })];
}

const systemInfo = (read: Reading): SystemInfo =>
  message<SystemInfo>({
    machine_ID: read.text('machineID'),
    system_UUID: read.text('systemUUID'),
    boot_ID: read.text('bootID'),
    kernel_version: read.text('kernelVersion'),
    os_image: read.text('osImage'),
    container_runtime_version: read.text('containerRuntimeVersion'),
    kubelet_version: read.text('kubeletVersion'),
    KubeProxyVersion: read.text('kubeProxyVersion'),
    OperatingSystem: read.text('operatingSystem'),
    Architecture: read.text('architecture'),
  });
