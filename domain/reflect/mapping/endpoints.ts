import type { ObjectId } from '../keys.ts';
import type { Reading } from '../reading.ts';
import type { EndpointAddress, EndpointPort, EndpointSubset, EndpointsRecord, ObjectReference } from '../records.ts';
import { message } from './message.ts';

/** Once rewritten every two seconds by leader elections, and nothing that anybody connects to. */
const NEVER_REFLECTED: ReadonlySet<string> = new Set(['kube-controller-manager', 'kube-scheduler']);

/**
 * Whether endpoints of this name are left out, in any namespace. KSR left them out when they changed and wrote them when it
 * started; podwire always leaves them out, so that no reader sees endpoints that are never brought up to date.
 */
export const isNeverReflected = (name: string): boolean => NEVER_REFLECTED.has(name);

/** The order of subsets and addresses is the object's. */
export const endpointsRecord = (object: Reading, id: Required<ObjectId>): EndpointsRecord =>
  message<EndpointsRecord>({ ...id, endpoint_subsets: object.children('subsets').map(subset) });

const subset = (read: Reading): EndpointSubset =>
  message<EndpointSubset>({
    addresses: read.children('addresses').map(address),
    not_ready_addresses: read.children('notReadyAddresses').map(address),
    ports: read.children('ports').map(endpointPort),
  });

const address = (read: Reading): EndpointAddress => endpointAddress(read, read.text('ip'));

/** @param read the address in Endpoints, or the endpoint in a slice: the same fields but for the address itself */
export const endpointAddress = (read: Reading, ip: string): EndpointAddress =>
  message<EndpointAddress>({
    ip,
    host_name: read.text('hostname'),
    node_name: read.text('nodeName'),
    target_ref: read.has('targetRef') ? reference(read.child('targetRef')) : undefined,
  });

const reference = (read: Reading): ObjectReference =>
  message<ObjectReference>({
    kind: read.text('kind'),
    namespace: read.text('namespace'),
    name: read.text('name'),
    uid: read.text('uid'),
    api_version: read.text('apiVersion'),
    resource_version: read.text('resourceVersion'),
  });

export const endpointPort = (read: Reading): EndpointPort =>
  message<EndpointPort>({ name: read.text('name'), port: read.integer('port'), protocol: read.text('protocol') });
