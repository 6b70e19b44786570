/** Kubernetes objects as the API gives them, and some as it never should: what the golden table is made of. */
import type { ReflectKind } from '../../../domain/reflect/kinds.ts';

export interface GoldenObject {
  readonly title: string;
  readonly kind: ReflectKind;
  readonly object: unknown;
}

const meta = (name: string, more: object = {}): object => ({ name, namespace: 'shop', uid: 'u-1', ...more });
const of = (kind: ReflectKind, title: string, object: unknown): GoldenObject => ({ title, kind, object });

const namespaces = [
  of('namespace', 'a namespace without labels', { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'shop' } }),
  of('namespace', 'labels in any order', {
    metadata: {
      name: 'shop',
      labels: { zone: 'b', app: 'x', 'kubernetes.io/metadata.name': 'shop', App: 'y', '': '' },
    },
  }),
  of('namespace', 'null instead of labels', { metadata: { name: 'shop', labels: null } }),
  of('namespace', 'exotic Unicode and text that is dangerous in HTML', {
    metadata: { name: 'shop', labels: { 'grüße-😀': '<b>&"\\\u2028\u0007\t', '\uffee': 'after', '\u{10000}': 'last' } },
  }),
  of('namespace', 'a lone surrogate', { metadata: { name: 'shop', labels: { a: 'x\ud800y' } } }),
  of('namespace', 'a label that would be a prototype', {
    metadata: JSON.parse('{"name":"shop","labels":{"__proto__":"x","constructor":"y"}}') as unknown,
  }),
  of('namespace', 'no name', { metadata: {} }),
  of('namespace', 'a name with a slash', { metadata: { name: 'a/b' } }),
  of('namespace', 'no object at all', null),
];

const container = (ports: unknown): object => ({ name: 'c', image: 'i', ports });

const pods = [
  of('pod', 'a pod that runs', {
    metadata: meta('web-1', {
      labels: { tier: 'front', app: 'web' },
      annotations: { 'contivpp.io/custom-if': 'memif1/memif/stub', 'kubectl.kubernetes.io/x': 'not reflected' },
    }),
    spec: {
      nodeName: 'n1',
      initContainers: [container([{ containerPort: 1 }])],
      containers: [
        container([
          { name: 'http', hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '127.0.0.1' },
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
        ]),
        { name: 'side' },
      ],
    },
    status: { phase: 'Running', podIP: '10.1.1.5', hostIP: '192.168.0.1', podIPs: [{ ip: '10.1.1.5' }] },
  }),
  of('pod', 'one that waits for a node', {
    metadata: meta('web-2'),
    spec: { containers: [container(null)] },
    status: {},
  }),
  of('pod', 'no containers, no status', { metadata: meta('odd') }),
  of('pod', 'null lists and null objects', {
    metadata: meta('odd', { labels: null, annotations: null }),
    spec: { containers: null },
    status: null,
  }),
  of('pod', 'an SCTP port', {
    metadata: meta('sctp'),
    spec: { containers: [container([{ containerPort: 3868, protocol: 'SCTP' }])] },
  }),
  of('pod', 'a protocol that nobody knows', {
    metadata: meta('odd'),
    spec: { containers: [container([{ containerPort: 1, protocol: 'DCCP' }, { containerPort: 2 }])] },
  }),
  of('pod', 'addresses of both families', {
    metadata: meta('dual', { labels: { app: 'web' } }),
    spec: { containers: [] },
    status: { podIP: '10.1.1.5', podIPs: [{ ip: '10.1.1.5' }, { ip: 'fd00::5' }] },
  }),
  of('pod', 'a host-network pod that has ended', {
    metadata: meta('job', { deletionTimestamp: '2020-01-01T00:00:00Z' }),
    spec: { hostNetwork: true, containers: [{ name: 'c' }] },
    status: { phase: 'Succeeded', podIP: '192.168.0.1', hostIP: '192.168.0.1' },
  }),
  of('pod', '1 MB of annotations that are not reflected', {
    metadata: meta('big', { annotations: { big: 'x'.repeat(1_000_000) } }),
  }),
  of('pod', '1 MB of annotations that are', {
    metadata: meta('big', { annotations: { 'contivpp.io/big': 'x'.repeat(1_000_000) } }),
  }),
  of('pod', 'one address in the list of addresses, and a null', {
    metadata: meta('web', { annotations: { 'contivpp.io/b': '2', 'contivpp.iox': '', contivpp: 'no' } }),
    status: { podIPs: [{ ip: 'fd00::7' }], podIP: 'fd00::7', hostIP: null },
  }),
  of('pod', 'as many containers as names are odd', {
    metadata: meta('odd.name_1', { namespace: 'n.s' }),
    spec: { containers: [{}, { name: '' }, { name: 'c', ports: [{}] }] },
  }),
  of('pod', 'containers that are no list', { metadata: meta('odd'), spec: { containers: { name: 'c' } } }),
  of('pod', 'a port that is no number', {
    metadata: meta('odd'),
    spec: { containers: [container([{ containerPort: '80' }])] },
  }),
  of('pod', 'a port of more than 32 bits', {
    metadata: meta('odd'),
    spec: { containers: [container([{ containerPort: 2 ** 31 }])] },
  }),
  of('pod', 'no namespace', { metadata: { name: 'web' } }),
  of('pod', 'another kind', { kind: 'Service', metadata: meta('web') }),
];

const policy = (spec: unknown, more: object = {}): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: meta('np', more),
  spec,
});

const policies = [
  of(
    'policy',
    'deny everything',
    policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, { labels: { b: '1', a: '2' } }),
  ),
  of('policy', 'no types, an empty rule', policy({ podSelector: {}, ingress: [{}] })),
  of(
    'policy',
    'selectors of every form',
    policy({
      podSelector: {
        matchLabels: { tier: 'db', app: 'x' },
        matchExpressions: [
          { key: 'a', operator: 'In', values: ['2', '1'] },
          { key: 'b', operator: 'NotIn', values: ['3'] },
          { key: 'c', operator: 'Exists' },
          { key: 'd', operator: 'DoesNotExist', values: [] },
          { key: 'e', operator: 'Unheard' },
        ],
      },
      policyTypes: ['Ingress'],
    }),
  ),
  of(
    'policy',
    'ports and peers of every form',
    policy({
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        {
          ports: [
            { port: 80 },
            { protocol: 'UDP', port: 53 },
            { protocol: 'TCP', port: 'http' },
            { protocol: 'UDP' },
            {},
          ],
          to: [
            { podSelector: { matchLabels: { a: 'b' } } },
            { namespaceSelector: {} },
            { ipBlock: { cidr: '10.0.0.0/8', except: ['10.2.0.0/16', '10.1.0.0/16'] } },
            {},
          ],
        },
        { ports: [], to: null },
      ],
    }),
  ),
  of(
    'policy',
    'an SCTP port and a range of ports',
    policy({
      podSelector: {},
      policyTypes: ['Ingress'],
      ingress: [
        {
          ports: [
            { protocol: 'SCTP', port: 3868 },
            { protocol: 'TCP', port: 32_000, endPort: 32_768 },
          ],
        },
      ],
    }),
  ),
  of(
    'policy',
    'pods of selected namespaces',
    policy(
      {
        podSelector: {},
        policyTypes: ['Ingress'],
        ingress: [
          {
            from: [
              { ipBlock: { cidr: 'fd00::/8' } },
              {
                podSelector: { matchLabels: { app: '<a>' } },
                namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] },
              },
            ],
          },
        ],
      },
      { labels: { a: 'b' } },
    ),
  ),
  of(
    'policy',
    'pods of every namespace',
    policy({ podSelector: {}, ingress: [{ from: [{ podSelector: {}, namespaceSelector: {} }] }] }),
  ),
  of('policy', 'a policy of an old cluster, types in disorder and twice', {
    apiVersion: 'extensions/v1beta1',
    kind: 'NetworkPolicy',
    metadata: meta('old'),
    spec: { podSelector: null, policyTypes: ['Egress', 'Ingress', 'Egress'], ingress: [], egress: null },
  }),
  of('policy', 'rules of a direction that is not among the types', policy({ policyTypes: ['Egress'], ingress: [{}] })),
  of('policy', 'no spec', policy(undefined)),
  of('policy', 'a selector that is text', policy({ podSelector: 'all' })),
  of('policy', 'a list with a null in it', policy({ podSelector: {}, ingress: [null] })),
];

const service = (spec: unknown, more: object = {}): object => ({ metadata: meta('web'), spec, ...more });

const services = [
  of(
    'service',
    'a service with everything',
    service(
      {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.10',
        clusterIPs: ['10.96.0.10', 'fd00::10'],
        selector: { tier: 'front', app: 'web' },
        ports: [
          { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30_080 },
          { name: 'dns', protocol: 'UDP', port: 53, targetPort: 'dns' },
          { name: 'diameter', protocol: 'SCTP', port: 3868 },
        ],
        externalIPs: ['1.2.3.4', '1.2.3.3'],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
        loadBalancerIP: '9.9.9.9',
        loadBalancerSourceRanges: ['10.0.0.0/8'],
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 31_000,
      },
      { status: { loadBalancer: { ingress: [{ ip: '9.9.9.9' }, { hostname: 'lb.example' }] } } },
    ),
  ),
  of(
    'service',
    'a headless one',
    service({ clusterIP: 'None', type: 'ClusterIP', selector: {}, sessionAffinity: 'None' }),
  ),
  of('service', 'affinity without a timeout', service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: null })),
  of('service', 'an external name', service({ type: 'ExternalName', externalName: 'example.org' })),
  of(
    'service',
    'a target port that is neither number nor name',
    service({
      ports: [
        { port: 1, targetPort: true },
        { port: 2, targetPort: 0 },
      ],
    }),
  ),
  of('service', 'annotations, sorted and escaped', {
    metadata: meta('web', { annotations: { b: '{"a":"<&>"}', a: 'line\nbreak', ключ: '値' } }),
    spec: {},
  }),
  of('service', '1 MB of annotations', {
    metadata: meta('web', { annotations: { a: 'x'.repeat(1_000_000) } }),
    spec: {},
  }),
  of('service', 'a node port and a load balancer that has no address yet', {
    metadata: meta('web'),
    spec: { type: 'LoadBalancer', ports: [{ port: 443, nodePort: 32_767, targetPort: 'https' }] },
    status: { loadBalancer: { ingress: [{ hostname: 'a' }, {}] } },
  }),
  of('service', 'null lists', service({ ports: null, selector: null, externalIPs: null }, { status: null })),
];

const target = { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'u-1', apiVersion: 'v1', resourceVersion: '12' };

const endpoints = [
  of('endpoints', 'ready and not ready addresses', {
    metadata: meta('web'),
    subsets: [
      {
        addresses: [
          { ip: '10.1.1.6', nodeName: 'n2', targetRef: target },
          { ip: '10.1.1.5', hostname: 'web-1' },
        ],
        notReadyAddresses: [{ ip: '10.1.1.7' }],
        ports: [
          { name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'http' },
          { port: 53, protocol: 'UDP' },
        ],
      },
      { addresses: [{ ip: 'fd00::5' }], ports: [{ port: 1 }] },
    ],
  }),
  of('endpoints', 'no subsets', { metadata: meta('web'), subsets: null }),
  of('endpoints', 'empty subsets and an empty reference', {
    metadata: meta('web'),
    subsets: [{}, { addresses: [{ ip: '10.1.1.5', targetRef: {} }] }],
  }),
  of('endpoints', 'an address without an address', {
    metadata: meta('web'),
    subsets: [{ addresses: [{}], notReadyAddresses: [], ports: [{ name: 'a' }] }],
  }),
  of('endpoints', 'those of leader elections', { metadata: { name: 'kube-scheduler', namespace: 'kube-system' } }),
];

const nodes = [
  of('node', 'a node', {
    metadata: { name: 'n1', labels: { x: 'y' } },
    spec: { podCIDR: '10.1.1.0/24', podCIDRs: ['10.1.1.0/24', 'fd00:1::/64'], providerID: 'kind://n1' },
    status: {
      addresses: [
        { type: 'InternalIP', address: '192.168.0.1' },
        { type: 'Hostname', address: 'n1' },
        { type: 'ExternalIP', address: '1.1.1.1' },
        { type: 'ExternalDNS', address: 'n1.example' },
        { type: 'InternalDNS', address: 'n1.internal' },
        { type: 'Carrier', address: 'pigeon' },
      ],
      nodeInfo: {
        machineID: 'm',
        systemUUID: 's',
        bootID: 'b',
        kernelVersion: '6.1.0',
        osImage: 'Debian',
        containerRuntimeVersion: 'containerd://1.7',
        kubeletVersion: 'v1.31.0',
        kubeProxyVersion: 'v1.31.0',
        operatingSystem: 'linux',
        architecture: 'amd64',
      },
    },
  }),
  of('node', 'an address of every odd kind', {
    metadata: { name: 'n3' },
    status: { addresses: [{ type: 'Hostname' }, { address: 'x' }, { type: 'hostname', address: 'y' }], nodeInfo: null },
  }),
  of('node', 'one that has just registered', { metadata: { name: 'n2' }, spec: {} }),
];

const sfcPods = [
  of('sfcPod', 'a pod of a service chain', {
    metadata: meta('nf', { labels: { sfc: 'true' } }),
    spec: { nodeName: 'n1' },
  }),
  of('sfcPod', 'one without a node', { metadata: meta('nf', { labels: { sfc: 'true' } }), spec: {} }),
  of('sfcPod', 'a label that is not exactly true', {
    metadata: meta('nf', { labels: { sfc: 'True' } }),
    spec: { nodeName: 'n1' },
  }),
];

export const GOLDEN_OBJECTS: readonly GoldenObject[] = [
  ...namespaces,
  ...pods,
  ...policies,
  ...services,
  ...endpoints,
  ...nodes,
  ...sfcPods,
];
