/** What is looked for in a cluster as a whole: the parts, where they run, and whether they are of one version. */
import { passed, reasonOf, type Check } from './check.ts';
import { clockCheck } from './kubernetes.ts';
import type { PartReport } from './readyz.ts';

export interface InstallationFacts {
  readonly namespace: string;
  /** Names of all nodes. */
  readonly nodes: readonly string[];
  readonly parts: readonly PartReport[];
}

const NODE_PART = 'podwire-node';
const NEEDED = ['podwire-watcher', 'podwire-orchestrator'];
/** `frontend.namespaceCount`: long polls of a namespace at one frontend of Temporal, its default. */
const DEFAULT_POLLS = 1_200;
const POLLS_OF_NODE = 2;
/** Those of orchestrators and watchers, roughly. */
const OTHER_POLLS = 40;
const MAX_NAMED = 10;

export function installationChecks(facts: InstallationFacts): Check[] {
  return [
    ...NEEDED.map((part) => presentCheck(part, facts)),
    coverageCheck(facts),
    versionsCheck(facts),
    pollsCheck(facts),
    ...facts.parts.flatMap(partChecks),
  ];
}

function presentCheck(part: string, { parts, namespace }: InstallationFacts): Check {
  const name = 'parts';
  const pods = parts.filter((each) => each.part === part);
  if (pods.length > 0) return passed(name, `${part} has ${pods.length} pod(s)`);
  return {
    ...{ name, state: 'error' },
    text: `${part} has no pod in namespace ${namespace}`,
    allowed: 'at least one',
    cure: `kubectl -n ${namespace} describe deployment ${part}`,
  };
}

function coverageCheck({ nodes, parts, namespace }: InstallationFacts): Check {
  const name = 'node-workers';
  const served = new Set(parts.flatMap(({ part, node }) => (part === NODE_PART ? [node] : [])));
  const without = nodes.filter((node) => !served.has(node));
  if (without.length === 0) return passed(name, `all ${nodes.length} nodes have a worker`);
  const named = without.slice(0, MAX_NAMED).join(', ');
  return {
    ...{ name, state: 'error' },
    text: `${without.length} of ${nodes.length} nodes have no worker: ${named}${without.length > MAX_NAMED ? ', …' : ''}`,
    allowed: 'one pod of podwire-node on each node whose pods get networks',
    cure: `kubectl -n ${namespace} describe daemonset ${NODE_PART}`,
  };
}

function versionsCheck({ parts, namespace }: InstallationFacts): Check {
  const name = 'versions';
  const tags = new Map(parts.map(({ image }) => [image.replace(/^.*\/[^:@]*/, ''), image]));
  if (tags.size <= 1) return passed(name, 'all parts are of one version');
  return {
    ...{ name, state: 'warning' },
    text: `parts of ${tags.size} versions run: ${[...tags.values()].sort().join(', ')}`,
    allowed: 'one version, but for the time of an update',
    cure: `kubectl -n ${namespace} rollout status deployment,daemonset`,
  };
}

function pollsCheck({ nodes }: InstallationFacts): Check {
  const name = 'temporal-pollers';
  const polls = nodes.length * POLLS_OF_NODE + OTHER_POLLS;
  const about = { setting: 'frontend.namespaceCount' };
  if (polls <= DEFAULT_POLLS) return passed(name, `about ${polls} long polls, below Temporal's default limit`, about);
  return {
    ...{ name, state: 'warning', ...about },
    text: `about ${polls} long polls at once; the server does not tell its limit, whose default is ${DEFAULT_POLLS} for a namespace and frontend`,
    allowed: `at least ${polls}, divided by the number of frontends`,
    cure: `set frontend.namespaceCount to ${2 * polls} in the dynamic configuration of the Temporal server`,
  };
}

/** A part that cannot be asked, that is not ready for a reason which no check names, or whose clock differs. */
function partChecks(report: PartReport): Check[] {
  const { pod, ready, reasons, unreachable, clockMs, checks } = report;
  if (unreachable !== undefined)
    return [
      {
        ...{ name: 'readyz', state: 'error' },
        text: `${pod} cannot be asked: ${unreachable}`,
        allowed: 'the API server reaches its health port',
        cure: `kubectl logs ${pod}`,
      },
    ];
  const known = new Set(checks.map(reasonOf));
  const others = ready ? [] : reasons.filter((reason) => !known.has(reason));
  return [
    ...others.map((text): Check => ({ name: 'readyz', state: 'error', text: `${pod} is not ready: ${text}` })),
    ...(clockMs === undefined ? [] : [clockCheck(`clock of ${pod}`, clockMs, "this machine's")]),
  ];
}
