/** `podwire lint` of whole manifests: where annotations and labels stand, and what the right ones ask for. */
import type { JsonObject } from '../../domain/cni/attachment.ts';
import type { Dialect, ParsedSelections, SelectionProblem } from '../../domain/network-selection.ts';
import { KALOOM_ANNOTATION, NPWG_NETWORKS_ANNOTATION, type DialectSettings } from '../../domain/settings.ts';
import { placementFindings, workloadOf, type Workload } from '../../domain/pod/workload.ts';
import type { ManifestObject } from '../manifest-objects.ts';
import { UsageError } from '../usage-error.ts';
import { described, isMistake, judge, line, type LintOptions, type Surroundings } from './judge.ts';

/** Whether a text is a Kubernetes object rather than the value of an annotation, which has no such keys. */
export const looksLikeManifest = (text: string): boolean =>
  ['apiVersion', 'kind'].every((key) => new RegExp(`(^|[{,\\s])["']?${key}["']?\\s*:`).test(text));

interface Judged {
  readonly workload: Workload;
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
  readonly parsed: readonly ParsedSelections[];
}

export interface ManifestReport {
  /** For standard output, where nothing is wrong. */
  readonly result: object;
  /** For standard error. */
  readonly lines: readonly string[];
  readonly hasProblems: boolean;
}

/**
 * @param place how the file is called in messages
 * @throws UsageError when nothing in it makes pods
 */
export function lintManifests(
  objects: readonly ManifestObject[],
  place: string,
  options: LintOptions,
  around: Surroundings,
  settings: DialectSettings,
): ManifestReport {
  const workloads = objects.flatMap(({ group, kind, object }) => workloadOf(group, kind, object as JsonObject) ?? []);
  if (workloads.length === 0) {
    throw new UsageError(
      `${place} holds no Pod and nothing that makes pods (Deployment, StatefulSet, DaemonSet, Job, CronJob, VirtualMachine, …)`,
    );
  }
  const all = workloads.map((workload) => judgeWorkload(workload, options, around, settings));
  const hasProblems = all.some(({ problems, warnings }) => problems.length > 0 || warnings.some(isMistake));
  return {
    hasProblems,
    result: { workloads: all.map(resultOf) },
    lines: all.flatMap(({ workload, problems, warnings }) => {
      const where = `${place}: ${nameOf(workload, options)}`;
      return [
        ...problems.map((found) => line(where, 'error', found)),
        ...warnings.map((found) => line(where, 'warning', found)),
      ];
    }),
  };
}

const nameOf = ({ kind, namespace, name }: Workload, options: LintOptions): string =>
  `${kind} ${namespace === '' ? options.namespace : namespace}/${name}`;

function judgeWorkload(
  workload: Workload,
  options: LintOptions,
  around: Surroundings,
  settings: DialectSettings,
): Judged {
  const { annotations, labels } = workload;
  const namespace = workload.namespace === '' ? options.namespace : workload.namespace;
  // Kaloom's key is a bare word that others use as well.
  const keys: readonly (readonly [Dialect, string])[] = [
    ['npwg', NPWG_NETWORKS_ANNOTATION],
    ['openvnf', settings.annotation],
    ...(options.dialect === 'kaloom' ? [['kaloom', KALOOM_ANNOTATION] as const] : []),
  ];
  const parsed = keys
    .filter(([, key]) => Object.hasOwn(annotations, key))
    .map(([dialect]) => judge(dialect, { namespace, annotations, labels }, around, settings));
  const placed = placementFindings(workload, settings);
  return {
    workload,
    problems: [...placed.problems, ...parsed.flatMap(({ problems }) => problems)],
    warnings: [...placed.warnings, ...parsed.flatMap(({ warnings }) => warnings)],
    parsed,
  };
}

const resultOf = ({ workload: { kind, namespace, name }, parsed, warnings }: Judged) => ({
  kind,
  ...(namespace === '' ? {} : { namespace }),
  name,
  networks: parsed.flatMap(({ selections }) => selections.map(described)),
  warnings,
});
