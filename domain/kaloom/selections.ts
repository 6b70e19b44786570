/** What a pod asks for in Kaloom's dialect (podagent and kactus), judged as a whole. Pure and total: any text gives a result. */
import type { CniAttachmentSpec, CniConfigSource } from '../cni/attachment.ts';
import { configProblems } from '../cni/definition-check.ts';
import type { DefinitionLookup } from '../cni/network-definition.ts';
import { dialectProblem, limitedProblems } from '../cni/problems.ts';
import { keepAll, keepEntry } from '../plan/keep.ts';
import {
  namespaceScope,
  type CniSelection,
  type ParsedSelections,
  type SelectionProblem,
} from '../network-selection.ts';
import type { PodView } from '../pod/pod-view.ts';
import { KALOOM_ANNOTATION, type DialectSettings } from '../settings.ts';
import { delegateConfig } from './delegate-config.ts';
import { kaloomEntries, type KaloomEntry } from './entries.ts';
import { IF_MAC_ARG } from './ignored-mac.ts';

export interface KaloomInput {
  readonly pod: PodView;
  /** Undefined: only the annotation is judged, and selections come with an empty configuration (lint without definitions). */
  readonly lookup: DefinitionLookup | undefined;
  readonly settings: DialectSettings;
  /** MD5 of a text (UTF-8) in hex; injected because domain imports nothing. */
  readonly md5: (text: string) => string;
}

/** `net` and the first 12 hex digits of the name's MD5, as podagent since v0.1.3. */
const kaloomInterfaceName = (name: string, md5: (text: string) => string): string => `net${md5(name).slice(0, 12)}`;

/** Judges the networks of one pod; where the dialect is off, or without the annotation, it asks for nothing. */
export function parseKaloomSelections(input: KaloomInput): ParsedSelections {
  const { pod, settings } = input;
  const text = Object.hasOwn(pod.annotations, KALOOM_ANNOTATION) ? pod.annotations[KALOOM_ANNOTATION] : undefined;
  if (!settings.kaloom.enabled || text === undefined) return { selections: [], problems: [], warnings: [], keep: [] };
  const { namespace } = settings.kaloom;
  const { entries, problems, unreadable } = kaloomEntries(text, namespace);
  const seen = new Set<string>();
  const verdicts = entries.map((entry) => {
    const twice = seen.has(entry.name);
    seen.add(entry.name);
    return twice ? { problems: [duplicate(entry, namespace)] } : judge(entry, input);
  });
  // podagent detaches nothing for a flag that somebody sets on a network that is attached.
  const staying = entries.filter(({ skipped }, index) => skipped || (verdicts[index]?.problems.length ?? 0) > 0);
  const keep = new Set([
    ...(unreadable ? [keepAll('kaloom')] : []),
    ...staying.map(({ name }) => keepEntry('kaloom', { scope: namespaceScope(namespace), name })),
  ]);
  return {
    selections: verdicts.flatMap((verdict) => ('selection' in verdict ? [verdict.selection] : [])),
    problems: limitedProblems('kaloom', [...problems, ...verdicts.flatMap((verdict) => verdict.problems)]),
    warnings: limitedProblems('kaloom', [
      ...entries.flatMap(({ warnings }) => warnings),
      ...primaries(entries, namespace),
    ]),
    keep: [...keep],
  };
}

type Verdict =
  | { readonly selection: CniSelection; readonly problems: readonly [] }
  | { readonly problems: readonly SelectionProblem[] };

function judge(entry: KaloomEntry, input: KaloomInput): Verdict {
  if (entry.problems.length > 0 || entry.skipped) return { problems: entry.problems };
  const { namespace } = input.settings.kaloom;
  const config = configOf(entry, input);
  if (Array.isArray(config)) return { problems: config };
  const cni: CniAttachmentSpec = {
    kind: 'cni',
    interfaceName: kaloomInterfaceName(entry.name, input.md5),
    capabilityArgs: {},
    args: [
      ['K8S_POD_NETWORK', entry.name],
      // podagent gives both; the second pair is what kactus hands on to the plugin.
      [IF_MAC_ARG, entry.ifMac],
      ...(entry.ifMac === ''
        ? []
        : ([
            ['CNI_IFMAC', entry.ifMac],
            ['MAC', entry.ifMac],
          ] as const)),
    ],
    defaultRoute: [],
  };
  const network = { scope: namespaceScope(namespace), name: entry.name };
  return { selection: { kind: 'cni', dialect: 'kaloom', network, cni, config }, problems: [] };
}

function configOf({ name }: KaloomEntry, { lookup, settings }: KaloomInput): CniConfigSource | SelectionProblem[] {
  if (lookup === undefined) return { uid: '', text: '' };
  const { namespace } = settings.kaloom;
  const network = `${namespace}/${name}`;
  const definition = lookup({ kind: 'kaloom', namespace, name });
  if (definition === 'absent') {
    const why = `there is no Network ${network}; create it or correct the name; what is attached stays as it is`;
    return [dialectProblem('kaloom', 'NetworkNotFound', { network }, why)];
  }
  if (definition === 'unreadable') {
    const why = 'its Network cannot be read; what is attached stays as it is until it can';
    return [dialectProblem('kaloom', 'DefinitionUnreadable', { network }, why)];
  }
  const text = delegateConfig(definition);
  if (!text.ok) return [dialectProblem('kaloom', 'CniConfigInvalid', { network }, text.why)];
  const source = { uid: definition.uid, text: text.value };
  const policy = settings.cniPolicy;
  const problems = configProblems(source, {
    dialect: 'kaloom',
    network,
    fallbackName: name,
    capabilityArgs: {},
    policy,
  });
  return problems.length > 0 ? problems : source;
}

function duplicate({ name }: KaloomEntry, namespace: string): SelectionProblem {
  const why = 'is named before in this annotation; name it once, the first one is used';
  return dialectProblem('kaloom', 'DuplicateNetwork', { network: `${namespace}/${name}` }, why);
}

function primaries(entries: readonly KaloomEntry[], namespace: string): SelectionProblem[] {
  const [primary, second] = entries.filter(({ isPrimary }) => isPrimary);
  if (primary === undefined) return [];
  if (second === undefined) {
    const network = `${namespace}/${primary.name}`;
    const why =
      'is true, and podwire makes no primary networks: such a network comes with the pod; leave isPrimary out for podwire to attach this one beside the pod network';
    return [dialectProblem('kaloom', 'PrimaryNotServed', { network, option: 'isPrimary' }, why)];
  }
  const why =
    'several networks are primary; kactus takes one at most, and podwire none: a primary network comes with the pod';
  return [dialectProblem('kaloom', 'SeveralPrimaries', {}, why)];
}
