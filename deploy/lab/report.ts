/** Tables for people: parts, versions, addresses. */
import { readyNodes } from './api-request.ts';
import { clusterParts } from './cluster-parts.ts';
import { COREDNS_VERSION, KUBERNETES_VERSION, TEMPORAL_VERSION } from './binaries.ts';
import { attempt } from './commands.ts';
import type { Lab } from './lab.ts';
import { labLayout, type LabLayout } from './layout.ts';
import { logFile, partNames, partPid } from './parts.ts';
import { readState } from './state.ts';

/** The whole state of a lab: one line per part, then nodes and addresses. */
export async function statusLines(lab: Lab): Promise<string[]> {
  return [
    ...(await partLines(labLayout(lab.name))),
    '',
    ...(await nodeLines(lab)),
    '',
    ...addressLines(lab),
    '',
    `next: npm run lab -- ${lab.name === 'podwire' ? '' : `--name ${lab.name} `}kubectl get pods -A`,
  ];
}

/** One line per part that was started or is still to be, also of a lab that is not complete; none where there is no lab. */
export async function partLines(lab: LabLayout): Promise<string[]> {
  const versions = await debianVersions();
  const started = partNames(lab).filter((name) => !name.startsWith('forward-'));
  const state = readState(lab);
  const planned = state === undefined ? [] : clusterParts(lab, state).map(({ name }) => name);
  const parts = [...new Set([...started, ...planned])].sort().map((name) => {
    if (!started.includes(name)) return [name, 'NOT STARTED', versions(name), '-'];
    const pid = partPid(lab, name);
    return [name, pid === undefined ? 'ENDED' : `pid ${pid}`, versions(name), logFile(lab, name)];
  });
  return parts.length === 0 ? [] : ['', ...table([['part', 'state', 'version', 'log'], ...parts])];
}

/** Where to look from the host. */
export function addressLines(lab: Lab): string[] {
  return table([
    ['Temporal UI', lab.temporal.uiUrl],
    ['Temporal gRPC', lab.temporal.host],
    ['Kubernetes API', `${lab.apiserver.host}  (KUBECONFIG=${lab.kubeconfigs.admin})`],
    ["podwire's etcd", `http://${lab.etcd.host}`],
  ]);
}

async function nodeLines(lab: Lab): Promise<string[]> {
  const ready = await readyNodes(labLayout(lab.name), Number(new URL(lab.apiserver.host).port)).catch(
    (): string[] => [],
  );
  const rows = lab.nodes.map((node) => [
    node.name,
    ready.includes(node.name) ? 'Ready' : 'NOT READY',
    node.address,
    node.podCidr,
    node.netnsPath,
    node.criSocket,
  ]);
  return table([['node', 'state', 'address', 'pods', 'netns', 'CRI socket'], ...rows]);
}

async function debianVersions(): Promise<(part: string) => string> {
  const shown = await attempt('dpkg-query', [
    '-W',
    '-f',
    '${Package} ${Version}\n',
    'etcd-server',
    'containerd',
    'socat',
  ]);
  const versions = new Map(shown.stdout.split('\n').map((line) => line.split(' ') as [string, string]));
  return (part) => {
    if (part === 'temporal') return TEMPORAL_VERSION;
    if (part === 'coredns') return COREDNS_VERSION;
    if (part.startsWith('kube')) return KUBERNETES_VERSION;
    if (part.endsWith('etcd')) return versions.get('etcd-server') ?? '?';
    return part.startsWith('containerd-') ? (versions.get('containerd') ?? '?') : '-';
  };
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
