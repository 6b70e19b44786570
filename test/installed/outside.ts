/** A server of this machine under a name of the lab's cluster, for pods and for nodes: as one that runs beside a cluster. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { apply } from '../../deploy/demo/cluster.ts';
import { findProgram, must } from '../../deploy/lab/commands.ts';
import { kubectl, startPart, stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { labLayout, NETNS_ROOT, POD_CIDR, RACK_PREFIX_LENGTH } from '../../deploy/lab/layout.ts';

/** Of the rack itself, where nobody else listens: servers have the ports that they have elsewhere. */
export const OUTSIDE_ADDRESS = '172.30.0.3';

export interface Outside {
  readonly namespace: string;
  readonly name: string;
  /** Of the Service and of what is behind it. */
  readonly port: number;
  /** `host:port` on this machine. */
  readonly server: string;
}

/** Opens it. The namespace must be there. */
export async function openOutside(lab: Lab, outside: Outside): Promise<void> {
  const { namespace, name, port, server } = outside;
  const { runDir, rackNetns } = labLayout(lab.name);
  await must('ip', ['-n', rackNetns, 'address', 'replace', `${OUTSIDE_ADDRESS}/${RACK_PREFIX_LENGTH}`, 'dev', 'rack']);
  await must('ip', ['-n', rackNetns, 'route', 'replace', POD_CIDR, 'via', lab.controlAddress]);
  // Paths of sockets are short (unix(7)).
  const socket = join(runDir, `${createHash('sha256').update(name).digest('hex').slice(0, 16)}.out`);
  const file = findProgram('socat') ?? '/usr/bin/socat';
  const [host, inside] = partsOf(outside);
  await startPart(lab, {
    name: host,
    file,
    args: [`UNIX-LISTEN:${socket},fork,mode=600,unlink-early`, `TCP:${server},nodelay`],
    env: {},
  });
  await startPart(lab, {
    name: inside,
    netnsPath: join(NETNS_ROOT, rackNetns),
    file,
    args: [`TCP-LISTEN:${port},bind=${OUTSIDE_ADDRESS},fork,reuseaddr,nodelay`, `UNIX-CONNECT:${socket}`],
    env: {},
  });
  await apply(lab, [
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec: { ports: [{ name: 'main', port }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace, name: `${name}-outside`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'main', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [OUTSIDE_ADDRESS], conditions: { ready: true } }],
    },
  ]);
}
export async function closeOutside(lab: Lab, outside: Outside): Promise<void> {
  for (const part of partsOf(outside)) await stopPart(lab, part);
  const { namespace, name } = outside;
  await kubectl(lab, ['-n', namespace, 'delete', 'endpointslice', `${name}-outside`, '--ignore-not-found']);
  await kubectl(lab, ['-n', namespace, 'delete', 'service', name, '--ignore-not-found']);
}

/** The same whatever the namespace: what a run that was killed left behind is replaced. */
const partsOf = ({ name }: Outside): [string, string] => [`outside-${name}-host`, `outside-${name}-inside`];
