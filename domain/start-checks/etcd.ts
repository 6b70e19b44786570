/** What is looked for at podwire's etcd, from the facts that it told. */
import { passed, type About, type Check } from './check.ts';
import { compareVersions } from './versions.ts';

export interface EtcdTarget {
  readonly endpoints: readonly string[];
  /** Settings that name it. */
  readonly setting: string;
  /** Everything that is written lies below it; undefined: the right to write is not looked at. */
  readonly prefix: string | undefined;
  /** User name; undefined: none is set. */
  readonly user: string | undefined;
}

export interface EtcdFacts {
  /** Why it did not answer; the other facts are undefined then. */
  readonly unreachable?: string;
  readonly version?: string;
  /** Names of the alarms that are raised: NOSPACE, CORRUPT. */
  readonly alarms?: readonly string[];
  /** What writing, reading and removing a key of podwire's own said. */
  readonly rights?: 'granted' | { readonly refused: string };
}

/** Transactions with ranges in them, and leases; what is tested. */
const NEEDED = '3.4.0';

export function etcdChecks(target: EtcdTarget, facts: EtcdFacts): Check[] {
  const about: About = { setting: target.setting, value: target.endpoints.join(',') };
  const at = `--endpoints ${target.endpoints.join(',')}`;
  if (facts.unreachable !== undefined)
    return [
      {
        ...{ name: 'etcd-reachable', state: 'error', ...about },
        text: `etcd does not answer: ${facts.unreachable}`,
        allowed: 'host:port of members of an etcd cluster that this pod reaches, separated by commas',
        cure: `etcdctl ${at} endpoint health`,
      },
    ];
  return [
    passed('etcd-reachable', `etcd at ${target.endpoints.join(', ')} answers`, about),
    ...(facts.version === undefined ? [] : [versionCheck(facts.version, about)]),
    ...(facts.alarms === undefined ? [] : alarmChecks(facts.alarms, at, about)),
    ...(facts.rights === undefined ? [] : [rightsCheck(target, facts.rights, at)]),
  ];
}

function versionCheck(version: string, about: About): Check {
  const name = 'etcd-version';
  const difference = compareVersions(version, NEEDED);
  if (difference === undefined || difference >= 0) return passed(name, `version ${version}`, about);
  return {
    ...{ name, state: 'error', text: `version ${version} is too old`, ...about },
    allowed: `${NEEDED} or newer`,
    cure: `update etcd to ${NEEDED} or newer, or name another one`,
  };
}

function alarmChecks(alarms: readonly string[], at: string, about: About): Check[] {
  const name = 'etcd-alarms';
  if (alarms.length === 0) return [passed(name, 'no alarm is raised', about)];
  return alarms.map((alarm): Check => {
    const noSpace = alarm === 'NOSPACE';
    return {
      ...{ name, state: 'error', ...about, lasting: true },
      text: noSpace ? 'alarm NOSPACE: the quota is used up, and nothing can be written' : `alarm ${alarm} is raised`,
      allowed: 'no alarm',
      cure: noSpace
        ? `etcdctl ${at} compact REVISION, then: etcdctl ${at} defrag, then: etcdctl ${at} alarm disarm`
        : `etcdctl ${at} alarm list, and restore the member it names`,
    };
  });
}

function rightsCheck(
  { endpoints, prefix = '/', user, setting }: EtcdTarget,
  rights: NonNullable<EtcdFacts['rights']>,
  at: string,
): Check {
  const name = 'etcd-rights';
  if (rights === 'granted')
    return passed(name, `keys below ${prefix} can be written, read and removed`, {
      setting,
      value: endpoints.join(','),
    });
  const role = 'podwire';
  return {
    ...{ name, state: 'error' },
    ...(user === undefined ? { setting } : { setting: 'PODWIRE_ETCD_USER', value: user }),
    text: `keys below ${prefix} cannot be written, read and removed: ${rights.refused}`,
    allowed: `a user with the right readwrite below ${prefix}`,
    cure:
      `etcdctl ${at} role add ${role}; etcdctl ${at} role grant-permission ${role} --prefix=true readwrite ${prefix}; ` +
      `etcdctl ${at} user grant-role ${user ?? 'USER'} ${role}`,
  };
}
