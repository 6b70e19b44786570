/** Kubernetes objects that make pods, as people keep them in manifests: where their pods' annotations and labels have to stand. */
import type { JsonObject, JsonValue } from '../cni/attachment.ts';
import { dialectProblem } from '../cni/problems.ts';
import { NPWG_NETWORKS_ANNOTATION, type DialectSettings } from '../settings.ts';
import type { Dialect, SelectionProblem } from '../network-selection.ts';
import { editDistance } from '../openvnf/nearest.ts';
import { problem } from '../openvnf/problems.ts';
import { shown } from '../text/shown.ts';
import { isJsonObject, member } from '../text/strict-json.ts';

/** `group/kind` to the way to the template of its pods; empty: the object is the pod. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  '/Pod': [],
  '/ReplicationController': ['spec', 'template'],
  'apps/Deployment': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
  'kubevirt.io/VirtualMachine': ['spec', 'template'],
  'kubevirt.io/VirtualMachineInstance': [],
  'kubevirt.io/VirtualMachineInstanceReplicaSet': ['spec', 'template'],
};

type Texts = Readonly<Record<string, string>>;

export interface Workload {
  readonly kind: string;
  /** Empty: the manifest does not say. */
  readonly namespace: string;
  readonly name: string;
  /** Where annotations of its pods stand: `spec.template.metadata`. */
  readonly place: string;
  readonly annotations: Texts;
  readonly labels: Texts;
  readonly hostNetwork: boolean;
  /** Metadata above that of its pods, which reaches no pod. */
  readonly above: readonly { readonly place: string; readonly annotations: Texts; readonly labels: Texts }[];
}

/** Whether objects of this kind are pods, or have a template of them. */
export const makesPods = (group: string, kind: string): boolean => Object.hasOwn(WAYS, `${group}/${kind}`);

/** @param group of its `apiVersion`, without the version; undefined: it makes no pods */
export function workloadOf(group: string, kind: string, object: JsonObject): Workload | undefined {
  const way = makesPods(group, kind) ? WAYS[`${group}/${kind}`] : undefined;
  if (way === undefined) return undefined;
  const at = (length: number): JsonObject => way.slice(0, length).reduce(childOf, object);
  const metadataAt = (length: number) => ({
    place: [...way.slice(0, length), 'metadata'].join('.'),
    annotations: textsIn(childOf(at(length), 'metadata'), 'annotations'),
    labels: textsIn(childOf(at(length), 'metadata'), 'labels'),
  });
  const own = childOf(object, 'metadata');
  return {
    kind,
    namespace: textIn(own, 'namespace'),
    name: textIn(own, 'name'),
    ...metadataAt(way.length),
    hostNetwork: member(childOf(at(way.length), 'spec'), 'hostNetwork') === true,
    above: way.map((_, index) => metadataAt(index)),
  };
}

export interface Findings {
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
}

/** What keeps annotations of a workload from being read at all; what they say is for the dialects' parsers. */
export function placementFindings(workload: Workload, settings: DialectSettings): Findings {
  const known = [NPWG_NETWORKS_ANNOTATION, settings.annotation];
  const asks = known.filter((key) => Object.hasOwn(workload.annotations, key));
  const { place, annotations, labels, above } = workload;
  const misplaced = above.flatMap((metadata) =>
    known
      .filter((key) => Object.hasOwn(metadata.annotations, key))
      .map((key) => ({
        key,
        found: found('AnnotationMisplaced', key, settings, misplacedText(metadata.place, place)),
      })),
  );
  const problems = [
    ...misplaced.filter(({ key }) => !asks.includes(key)),
    ...[{ place, annotations, labels }, ...above].flatMap((metadata) => wrongKeys(metadata, place, known, settings)),
    ...(asks.includes(settings.annotation) ? labelProblems(workload, settings) : []),
    ...(workload.hostNetwork
      ? asks.map((key) => ({ key, found: found('HostNetwork', key, settings, HOST_NETWORK) }))
      : []),
  ];
  return {
    problems: problems.map((one) => one.found),
    // Beside the right place it does no harm, and deceives who edits it.
    warnings: misplaced.filter(({ key }) => asks.includes(key)).map((one) => one.found),
  };
}

interface Found {
  readonly key: string;
  readonly found: SelectionProblem;
}

const HOST_NETWORK =
  'has no effect: a pod with hostNetwork: true is on the network of its node, which podwire does not change';

const misplacedText = (where: string, place: string): string =>
  `stands in ${where}, where no pod gets it; write it into ${place}.annotations`;

function wrongKeys(
  metadata: { readonly place: string; readonly annotations: Texts; readonly labels: Texts },
  place: string,
  known: readonly string[],
  settings: DialectSettings,
): Found[] {
  const near = Object.keys(metadata.annotations).flatMap((key): Found[] => {
    const meant = known.includes(key) ? undefined : known.find((one) => isNear(key, one));
    if (meant === undefined) return [];
    const why = `in ${metadata.place} is nobody's; did you mean ${shown(meant)}?`;
    return [{ key: meant, found: found('UnknownAnnotation', key, settings, why) }];
  });
  const asLabel = known
    .filter((key) => Object.hasOwn(metadata.labels, key))
    .map((key) => {
      const why = `is a label in ${metadata.place}; write it into ${place}.annotations`;
      return { key, found: found('AnnotationMisplaced', key, settings, why) };
    });
  return [...near, ...asLabel];
}

function labelProblems({ labels, above, place }: Workload, settings: DialectSettings): Found[] {
  const { selector, annotation } = settings;
  if (Object.hasOwn(labels, selector)) return [];
  const elsewhere = above.find((metadata) => Object.hasOwn(metadata.labels, selector));
  const where = elsewhere === undefined ? '' : ` (the one in ${elsewhere.place} reaches no pod)`;
  const why = `is not read without the label ${shown(selector)}${where}; write ${selector}: "true" into ${place}.labels`;
  return [{ key: annotation, found: found('LabelMissing', annotation, settings, why) }];
}

/** Written otherwise, or with up to two characters wrong. */
const isNear = (key: string, known: string): boolean =>
  editDistance(bare(key), bare(known)) <= 2 || isOldForm(key, known);

const bare = (key: string): string => key.toLowerCase().replaceAll(/[^a-z0-9/]/g, '');

/** `v1.multus-cni.io/networks` and the like: the right word below another domain of the same people. */
const isOldForm = (key: string, known: string): boolean =>
  /(multus|cni\.cncf\.io|openvnf)/.test(key) && key.split('/')[1] === known.split('/')[1] && sameFamily(key, known);

const sameFamily = (key: string, known: string): boolean => key.includes('openvnf') === known.includes('openvnf');

const found = (code: string, key: string, settings: DialectSettings, why: string): SelectionProblem => {
  const dialect: Dialect = key === settings.annotation ? 'openvnf' : 'npwg';
  const text = `annotation ${shown(key)} ${why}`;
  return dialect === 'openvnf' ? problem(code, {}, text) : dialectProblem(dialect, code, {}, text);
};

function childOf(object: JsonObject, key: string): JsonObject {
  const value = member(object, key);
  return isJsonObject(value) ? value : {};
}

function textIn(object: JsonObject, key: string): string {
  const value: JsonValue | undefined = member(object, key);
  return typeof value === 'string' ? value : '';
}

const textsIn = (object: JsonObject, key: string): Texts =>
  Object.fromEntries(
    Object.entries(childOf(object, key)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
