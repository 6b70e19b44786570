/** Loopback ports of the host that lead to Services of the cluster: for people, and for tests whose Temporal or etcd runs as pods. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { findProgram } from './commands.ts';
import { kubectl, type Lab } from './lab.ts';
import { labLayout } from './layout.ts';
import { partSpec, startPart, stopPart, type PartSpec } from './parts.ts';
import { isFree } from './state.ts';
import { waitFor } from './waiting.ts';

export interface ForwardedService {
  readonly namespace: string;
  readonly service: string;
  /** Of the Service. */
  readonly port: number;
}

/** Below the kernel's ephemeral range, above what `choosePorts` begins with. */
const [FIRST_PORT, LAST_PORT] = [31_000, 32_700];

/**
 * Opens a port of the host's loopback that leads to a Service, through the first node's kube-proxy; one that is open is kept.
 *
 * @returns `127.0.0.1:PORT`; it leads there for as long as the lab is up and the Service keeps its address
 * @throws Error when the Service has no address of its own within 10 s
 */
export async function forwardService(lab: Lab, target: ForwardedService): Promise<string> {
  const { namespace, service, port } = target;
  const address = await waitFor(
    `an address of Service ${namespace}/${service}`,
    async () => {
      const words = ['-n', namespace, 'get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}'];
      const found = (await kubectl(lab, words)).trim();
      return /^\d+(\.\d+){3}$/.test(found) ? found : undefined;
    },
    { limitMs: 10_000 },
  );
  const name = `forward-${namespace}-${service}-${port}`;
  // Paths of sockets are short (unix(7)), names of Services may be long.
  const socket = join(
    labLayout(lab.name).runDir,
    `${createHash('sha256').update(name).digest('hex').slice(0, 16)}.sock`,
  );
  const hostPort = portOf(partSpec(lab, `${name}-host`)) ?? (await choosePort(socket));
  const file = findProgram('socat') ?? '/usr/bin/socat';
  await startPart(lab, {
    name: `${name}-inside`,
    netnsPath: lab.nodes[0]?.netnsPath ?? lab.controlNetnsPath,
    file,
    args: [`UNIX-LISTEN:${socket},fork,mode=600,unlink-early`, `TCP:${address}:${port},nodelay`],
    env: {},
  });
  await startPart(lab, {
    name: `${name}-host`,
    file,
    args: [`TCP-LISTEN:${hostPort},bind=127.0.0.1,fork,reuseaddr,nodelay`, `UNIX-CONNECT:${socket}`],
    env: {},
  });
  return `127.0.0.1:${hostPort}`;
}

/** Closes the port again; one that is not open is fine. */
export async function stopForward(lab: Lab, { namespace, service, port }: ForwardedService): Promise<void> {
  const name = `forward-${namespace}-${service}-${port}`;
  for (const part of [`${name}-host`, `${name}-inside`]) await stopPart(lab, part);
}

/** That of an earlier call, which somebody may have written down. */
function portOf(spec: PartSpec | undefined): number | undefined {
  const port = /^TCP-LISTEN:(\d+),/.exec(spec?.args[0] ?? '')?.[1];
  return port === undefined ? undefined : Number(port);
}

/** Spread by name, so that labs that ask at the same moment look at different ports. */
async function choosePort(name: string): Promise<number> {
  const span = LAST_PORT - FIRST_PORT;
  const start = createHash('sha256').update(name).digest().readUInt32BE() % span;
  for (let step = 0; step < span; step++) {
    const port = FIRST_PORT + ((start + step) % span);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free loopback port between ${FIRST_PORT} and ${LAST_PORT}`);
}
