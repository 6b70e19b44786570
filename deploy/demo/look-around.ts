/** Where a person looks next: addresses and commands that can be typed as they stand. */
import { forwardService } from '../lab/forward-service.ts';
import { DEFAULT_NAME } from '../lab/layout.ts';
import { SYSTEM_NAMESPACE } from '../lab/installed.ts';
import type { Lab } from '../lab/lab.ts';

/** Opens the evaluation's Temporal to the host's loopback, and says what can be done now. */
export async function lookAround(lab: Lab, namespace: string): Promise<string[]> {
  const own = lab.name === DEFAULT_NAME ? '' : `--name ${lab.name} `;
  const kubectl = `npm run lab -- ${own}kubectl`;
  const temporal = { namespace: SYSTEM_NAMESPACE, service: 'podwire-temporal' };
  const [frontend, ui] = [
    await forwardService(lab, { ...temporal, port: 7233 }),
    await forwardService(lab, { ...temporal, port: 8233 }),
  ];
  const stuck = `--query 'ProvisioningState="Stuck" AND ExecutionStatus="Running"'`;
  return [
    '',
    'look around while the lab runs:',
    `  Temporal UI        http://${ui}`,
    `  podwire            ${kubectl} -n ${SYSTEM_NAMESPACE} get pods -o wide`,
    `  its logs           ${kubectl} -n ${SYSTEM_NAMESPACE} logs daemonset/podwire-node`,
    `  pods               ${kubectl} -n ${namespace} get pods -o wide`,
    `  events             ${kubectl} -n ${namespace} get events`,
    `  status of a pod    ${kubectl} -n ${namespace} get pod gateway -o yaml`,
    `  links of a pod     ${kubectl} -n ${namespace} exec gateway -- ip addr`,
    `  what is stuck      ${lab.binaries.temporal} workflow list --address ${frontend} ${stuck}`,
    `  every part         npm run lab -- ${own}status`,
  ];
}
