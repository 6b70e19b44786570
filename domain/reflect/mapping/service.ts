import type { ObjectId } from '../keys.ts';
import type { Reading } from '../reading.ts';
import type { ServicePort, ServiceRecord } from '../records.ts';
import { mapOf, message } from './message.ts';

type TargetPort = NonNullable<ServicePort['target_port']>;

/** Seconds; the API server's own default. */
const AFFINITY_TIMEOUT = 10_800;

export function serviceRecord(object: Reading, id: Required<ObjectId>): ServiceRecord {
  const spec = object.child('spec');
  const ingress = object.child('status').child('loadBalancer').children('ingress');
  const affinity = spec.text('sessionAffinity');
  return message<ServiceRecord>({
    ...id,
    port: spec.children('ports').flatMap(port),
    selector: mapOf(spec.textMap('selector')),
    cluster_ip: spec.text('clusterIP'),
    service_type: spec.text('type'),
    external_ips: spec.texts('externalIPs'),
    // One that has a host name only contributes an empty text.
    lb_ingress_ips: ingress.map((entry) => entry.text('ip')),
    session_affinity: affinity,
    loadbalancer_ip: spec.text('loadBalancerIP'),
    loadbalancer_source_ranges: spec.texts('loadBalancerSourceRanges'),
    external_traffic_policy: spec.text('externalTrafficPolicy'),
    health_check_node_port: spec.integer('healthCheckNodePort'),
    session_affinity_timeout: affinity === 'ClientIP' ? timeoutOf(spec) : undefined,
    annotations: mapOf(object.child('metadata').textMap('annotations')),
  });
}

const timeoutOf = (spec: Reading): number =>
  Math.max(0, spec.child('sessionAffinityConfig').child('clientIP').integer('timeoutSeconds')) || AFFINITY_TIMEOUT;

/** A port whose target is neither number nor text is left out. */
function port(read: Reading): ServicePort[] {
  const target = targetPort(read);
  if (target === undefined) return [];
  return [
    message<ServicePort>({
      name: read.text('name'),
      protocol: read.text('protocol'),
      port: read.integer('port'),
      target_port: target,
      node_port: read.integer('nodePort'),
    }),
  ];
}

/** Always there, and empty when the object has none. */
function targetPort(read: Reading): TargetPort | undefined {
  const value = read.raw('targetPort') ?? 0;
  if (typeof value === 'string') {
    return message<TargetPort>({ type: 'STRING', int_val: undefined, string_val: read.text('targetPort') });
  }
  if (typeof value !== 'number') return undefined;
  return message<TargetPort>({ type: undefined, int_val: read.integer('targetPort'), string_val: undefined });
}
