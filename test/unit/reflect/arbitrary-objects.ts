/** Objects of the Kubernetes API by chance: of the right shape, with any text and any number in it. */
import fc from 'fast-check';
import type { ReflectKind } from '../../../domain/reflect/kinds.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ maxLength: 12 }),
  fc.constant('\ud800'),
);
const int32 = fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }));
const map = fc.oneof(fc.dictionary(text, text, { maxKeys: 4 }), fc.constant(null));
const list = <T>(of: fc.Arbitrary<T>) => fc.oneof(fc.array(of, { maxLength: 3 }), fc.constant(null));
const some = <T extends object>(of: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(of, { requiredKeys: [] });
const word = (...words: string[]) => fc.oneof(fc.constantFrom(...words), text);

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,8}[a-z0-9])?$/);
const metadata = fc.record({ name, namespace: name, labels: map, annotations: map });
const protocol = word('TCP', 'UDP', 'SCTP', '');
const selector = some({
  matchLabels: map,
  matchExpressions: list(
    some({ key: text, operator: word('In', 'NotIn', 'Exists', 'DoesNotExist'), values: list(text) }),
  ),
});
const peer = some({
  podSelector: selector,
  namespaceSelector: selector,
  ipBlock: some({ cidr: text, except: list(text) }),
});
const policyPort = some({ protocol, port: fc.oneof(int32, text), endPort: int32 });
const address = some({
  ip: text,
  hostname: text,
  nodeName: text,
  targetRef: some({ kind: text, namespace: text, name: text, uid: text, apiVersion: text, resourceVersion: text }),
});
const labelled = fc.record({ name, namespace: name, labels: fc.constant({ sfc: 'true' }) });

const pod = fc.record({
  metadata,
  spec: some({
    nodeName: text,
    containers: list(
      some({
        name: text,
        ports: list(some({ name: text, hostPort: int32, containerPort: int32, protocol, hostIP: text })),
      }),
    ),
  }),
  status: some({ podIP: text, hostIP: text, podIPs: list(some({ ip: text })) }),
});

/** What `convert` reflects, kind by kind. */
export const ARBITRARY: Readonly<Record<ReflectKind, fc.Arbitrary<object>>> = {
  namespace: fc.record({ metadata }),
  pod,
  policy: fc.record({
    metadata,
    spec: some({
      podSelector: selector,
      policyTypes: list(word('Ingress', 'Egress')),
      ingress: list(some({ ports: list(policyPort), from: list(peer) })),
      egress: list(some({ ports: list(policyPort), to: list(peer) })),
    }),
  }),
  service: fc.record({
    metadata,
    spec: some({
      ports: list(some({ name: text, protocol, port: int32, targetPort: fc.oneof(int32, text), nodePort: int32 })),
      selector: map,
      clusterIP: text,
      type: text,
      externalIPs: list(text),
      sessionAffinity: word('ClientIP', 'None'),
      sessionAffinityConfig: some({ clientIP: some({ timeoutSeconds: int32 }) }),
      healthCheckNodePort: int32,
      loadBalancerSourceRanges: list(text),
    }),
    status: some({ loadBalancer: some({ ingress: list(some({ ip: text })) }) }),
  }),
  endpoints: fc.record({
    metadata,
    subsets: list(
      some({
        addresses: list(address),
        notReadyAddresses: list(address),
        ports: list(some({ name: text, port: int32, protocol })),
      }),
    ),
  }),
  node: fc.record({
    metadata,
    spec: some({ podCIDR: text, providerID: text }),
    status: some({
      addresses: list(some({ type: word('InternalIP', 'Hostname'), address: text })),
      nodeInfo: some({ machineID: text, kubeProxyVersion: text, architecture: text }),
    }),
  }),
  sfcPod: fc.record({ metadata: labelled, spec: some({ nodeName: text }) }),
};
