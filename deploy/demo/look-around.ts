/** Where a person looks next: addresses and commands that can be typed as they stand. */
import { DEFAULT_NAME } from '../lab/layout.ts';
import type { Lab } from '../lab/lab.ts';
import { nodePart, ORCHESTRATOR_PART, WATCHER_PART } from '../lab/podwire.ts';

export function lookAround(lab: Lab, namespace: string): string[] {
  const own = lab.name === DEFAULT_NAME ? '' : `--name ${lab.name} `;
  const temporal = `${lab.binaries.temporal} workflow list --address ${lab.temporal.host}`;
  const parts = [WATCHER_PART, ORCHESTRATOR_PART, nodePart(lab.nodes[0]?.name ?? 'n1')];
  return [
    '',
    'look around while the lab runs:',
    `  Temporal UI        ${lab.temporal.uiUrl}`,
    `  pods               npm run lab -- ${own}kubectl -n ${namespace} get pods -o wide`,
    `  events             npm run lab -- ${own}kubectl -n ${namespace} get events`,
    `  status of a pod    npm run lab -- ${own}kubectl -n ${namespace} get pod gateway -o yaml`,
    `  links of a pod     npm run lab -- ${own}kubectl -n ${namespace} exec gateway -- ip addr`,
    `  what is stuck      ${temporal} --query 'ProvisioningState="Stuck" AND ExecutionStatus="Running"'`,
    ...parts.map((part) => `  log                npm run lab -- ${own}logs ${part}`),
    `  every part         npm run lab -- ${own}status`,
  ];
}
