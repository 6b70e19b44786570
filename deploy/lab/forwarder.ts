/**
 * Loopback ports of the host that lead into the control namespace. A Unix socket with a path belongs to no network namespace:
 * one socat inside listens on it and connects on, one outside listens on 127.0.0.1 and connects to it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './commands.ts';
import { CONTROL_ADDRESS, PORTS } from './layout.ts';
import type { LabLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';
import type { HostPorts } from './state.ts';

const TARGETS = {
  apiserver: PORTS.apiserver,
  etcd: PORTS.podwireEtcd,
  temporal: PORTS.temporal,
  temporalUi: PORTS.temporalUi,
} as const satisfies Record<keyof HostPorts, number>;

/** Two parts per port. */
export function forwarders(lab: LabLayout, ports: HostPorts): PartSpec[] {
  mkdirSync(lab.runDir, { recursive: true, mode: 0o750 });
  const file = findProgram('socat') ?? '/usr/bin/socat';
  return (Object.keys(TARGETS) as (keyof HostPorts)[]).flatMap((name) => {
    const socket = join(lab.runDir, `forward-${name}.sock`);
    return [
      {
        name: `forward-${name}-inside`,
        netnsPath: lab.controlNetnsPath,
        file,
        args: [`UNIX-LISTEN:${socket},fork,mode=600,unlink-early`, `TCP:${CONTROL_ADDRESS}:${TARGETS[name]},nodelay`],
        env: {},
      },
      {
        name: `forward-${name}-host`,
        file,
        args: [`TCP-LISTEN:${ports[name]},bind=127.0.0.1,fork,reuseaddr,nodelay`, `UNIX-CONNECT:${socket}`],
        env: {},
      },
    ];
  });
}
