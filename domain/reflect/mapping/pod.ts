import type { ObjectId } from '../keys.ts';
import type { Reading } from '../reading.ts';
import type { PodContainer, PodPort, PodRecord, SfcPodRecord } from '../records.ts';
import { labelsOf, mapOf, message, metadataLabels } from './message.ts';

/** Annotations with other keys are nobody's business among the readers of KSR's tree. */
const CONTIV_ANNOTATIONS = 'contivpp.io';

/** Pods of every phase and host-network pods are reflected; init containers are not. */
export function podRecord(object: Reading, id: Required<ObjectId>): PodRecord {
  const status = object.child('status');
  const labels = metadataLabels(object);
  const addresses = status
    .children('podIPs')
    .map((entry) => entry.text('ip'))
    .filter((ip) => ip !== '');
  const annotations = object
    .child('metadata')
    .textMap('annotations')
    .filter(([key]) => key.startsWith(CONTIV_ANNOTATIONS));
  return message<PodRecord>({
    ...id,
    label: labelsOf(labels),
    ip_address: status.text('podIP'),
    host_ip_address: status.text('hostIP'),
    container: object.child('spec').children('containers').map(container),
    annotations: mapOf(annotations),
    labels: mapOf(labels),
    ip_addresses: addresses.length > 1 ? addresses : undefined,
  });
}

const container = (read: Reading): PodContainer =>
  message<PodContainer>({ name: read.text('name'), port: read.children('ports').map(port) });

const port = (read: Reading): PodPort =>
  message<PodPort>({
    name: read.text('name'),
    host_port: read.integer('hostPort'),
    container_port: read.integer('containerPort'),
    protocol: protocolOf(read),
    host_ip_address: read.text('hostIP'),
  });

/** A protocol that is none of the three counts as TCP, as an absent one does. */
export function protocolOf(read: Reading): 'UDP' | 'SCTP' | undefined {
  const protocol = read.text('protocol');
  return protocol === 'UDP' || protocol === 'SCTP' ? protocol : undefined;
}

/** Undefined unless the pod has the label `sfc` with exactly `true`. */
export function sfcPodRecord(object: Reading, id: Required<ObjectId>): SfcPodRecord | undefined {
  const isSfc = metadataLabels(object).some(([key, value]) => key === 'sfc' && value === 'true');
  return isSfc ? message<SfcPodRecord>({ pod: id.name, node: object.child('spec').text('nodeName') }) : undefined;
}
