/** What is looked for at the Temporal frontend, from the facts that it told. */
import { compareSearchAttributes, createAttributesCommand } from '../search-attributes.ts';
import { passed, type About, type Check } from './check.ts';
import { compareVersions } from './versions.ts';

export interface TemporalTarget {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Task queue of a node; undefined: none is looked at. */
  readonly nodeQueue?: string | undefined;
}

export interface TemporalFacts {
  /** Why it did not answer; the other facts are undefined then. */
  readonly unreachable?: string;
  readonly version?: string;
  /** `refused`: the server does not let this client see it. */
  readonly namespace?: 'present' | 'absent' | { readonly refused: string };
  /** Types by name. */
  readonly attributes?: Readonly<Record<string, string>> | { readonly refused: string };
  /** Why search attributes could not be made; undefined when nobody tried. */
  readonly notMade?: string;
  /** Partitions of the node's task queue; undefined when the server does not tell. */
  readonly partitions?: number;
}

/** `signalWithStart` with start delay, update of search attributes and sticky queues as podwire uses them; what is tested. */
const NEEDED = '1.24.0';
/** The first with CVE-2026-5199 mended. */
const RECOMMENDED = '1.29.5';

export function temporalChecks(target: TemporalTarget, facts: TemporalFacts): Check[] {
  const address: About = { setting: 'TEMPORAL_ADDRESS', value: target.address };
  if (facts.unreachable !== undefined) return [unreachable(target, facts.unreachable)];
  return [
    passed('temporal-reachable', `the frontend at ${target.address} answers`, address),
    ...(facts.version === undefined ? [] : [versionCheck(facts.version, address)]),
    ...(facts.namespace === undefined ? [] : [namespaceCheck(target, facts.namespace)]),
    ...(facts.attributes === undefined ? [] : attributeChecks(target, facts.attributes, facts.notMade)),
    ...(facts.partitions === undefined || target.nodeQueue === undefined
      ? []
      : [partitionsCheck(target.nodeQueue, facts.partitions)]),
  ];
}

const unreachable = ({ address }: TemporalTarget, why: string): Check => ({
  name: 'temporal-reachable',
  state: 'error',
  text: `Temporal does not answer: ${why}`,
  ...{ setting: 'TEMPORAL_ADDRESS', value: address },
  allowed: 'host:port of a Temporal frontend that this pod reaches',
  cure: `temporal operator cluster health --address ${address}`,
});

function versionCheck(version: string, about: About): Check {
  const name = 'temporal-version';
  const allowed = `${NEEDED} or newer; ${RECOMMENDED} or newer is recommended`;
  const needed = compareVersions(version, NEEDED);
  const recommended = compareVersions(version, RECOMMENDED);
  if (needed === undefined || recommended === undefined)
    return { name, state: 'warning', text: `the server says version ${JSON.stringify(version)}`, allowed, ...about };
  const cure = `update the Temporal server to ${RECOMMENDED} or newer`;
  if (needed < 0)
    return { name, state: 'error', text: `server version ${version} is too old`, allowed, cure, ...about };
  if (recommended < 0)
    return { name, state: 'warning', text: `server version ${version} has CVE-2026-5199`, allowed, cure, ...about };
  return passed(name, `server version ${version}`, about);
}

function namespaceCheck(target: TemporalTarget, found: NonNullable<TemporalFacts['namespace']>): Check {
  const name = 'temporal-namespace';
  const about: About = { setting: 'TEMPORAL_NAMESPACE', value: target.namespace };
  if (found === 'present') return passed(name, `namespace ${target.namespace} exists`, about);
  const where = `--address ${target.address} --namespace ${target.namespace}`;
  if (found === 'absent')
    return {
      ...{ name, state: 'error', ...about },
      text: `namespace ${target.namespace} does not exist`,
      allowed: 'a namespace of this server, one per cluster',
      cure: `temporal operator namespace create ${where} --retention 72h`,
    };
  return {
    ...{ name, state: 'error', ...about },
    text: `the server does not let this client use it: ${found.refused}`,
    allowed: 'a namespace that the certificate or API key of this client may write to',
    cure: `temporal operator namespace describe ${where}`,
  };
}

function attributeChecks(
  target: TemporalTarget,
  found: NonNullable<TemporalFacts['attributes']>,
  notMade: string | undefined,
): Check[] {
  const name = 'temporal-search-attributes';
  const about: About = { setting: 'TEMPORAL_NAMESPACE', value: target.namespace };
  // Who may not list them may still use them, and a workflow task that fails says so.
  if ('refused' in found)
    return [{ name, state: 'warning', text: `they cannot be listed: ${String(found.refused)}`, ...about }];
  const { missing, wrong } = compareSearchAttributes(found);
  const checks = wrong.map((each): Check => ({
    ...{ name, state: 'error', ...about },
    text: `search attribute ${each.name} has type ${each.found}`,
    allowed: each.wanted,
    cure: `temporal operator search-attribute remove --address ${target.address} --namespace ${target.namespace} --name ${each.name}`,
  }));
  if (missing.length > 0)
    checks.push({
      ...{ name, state: 'error', ...about },
      text: `missing are ${missing.map(([each]) => each).join(', ')}${notMade === undefined ? '' : `, and making them was refused: ${notMade}`}`,
      allowed: missing.map(([each, type]) => `${each} (${type})`).join(', '),
      cure: createAttributesCommand(target, missing),
    });
  return checks.length > 0 ? checks : [passed(name, 'all are there', about)];
}

function partitionsCheck(queue: string, partitions: number): Check {
  const name = 'temporal-task-queue-partitions';
  const about: About = { setting: 'matching.numTaskqueueReadPartitions', value: String(partitions) };
  if (partitions <= 1) return passed(name, `task queue ${queue} has one partition`, about);
  return {
    ...{ name, state: 'warning', ...about },
    text: `task queue ${queue} has ${partitions} partitions and one poller: a task may wait up to a minute in one that nobody polls`,
    allowed: '1, for the queues podwire-node-*',
    cure: 'set matching.numTaskqueueReadPartitions and matching.numTaskqueueWritePartitions to 1 in the dynamic configuration of the Temporal server',
  };
}
