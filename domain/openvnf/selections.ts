/** What a pod asks for in kube-vxlan-controller's dialect, judged as a whole. Pure and total: any text gives a result. */
import type { DefinitionLookup } from '../cni/network-definition.ts';
import {
  CLUSTER_SCOPE,
  namespaceScope,
  type ParsedSelections,
  type SelectionProblem,
  type VxlanSelection,
} from '../network-selection.ts';
import { isOfObject } from '../network-objects/network-object.ts';
import type { Rejoins } from '../plan/published-claims.ts';
import type { PodView } from '../pod/pod-view.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { DialectSettings } from '../settings.ts';
import { DEFAULT_DST_PORT } from '../vxlan/vxlan.ts';
import { parseAnnotation, type AnnotatedNetwork, type ParsedAnnotation } from './annotation.ts';
import { identityKey, NOTHING_DECLARED, type DeclaredNetworks } from './config-map.ts';
import { judgeLink } from './link.ts';
import { objectNetwork } from './object-networks.ts';
import type { NetworkOptions } from './options.ts';
import { withoutConflicts, type Candidate } from './pod-conflicts.ts';
import { isOriginal, isSelected, looksLikeNo } from './rules.ts';
import { problem } from './problems.ts';
import { shown } from '../text/shown.ts';

export interface SelectionsInput {
  readonly pod: PodView;
  /**
   * `absent`: there surely is no such ConfigMap, nothing is declared. `undefined`: it could not be read, so nothing can be said
   * about any network and all are kept as they are.
   */
  readonly declared: DeclaredNetworks | 'absent' | undefined;
  readonly settings: DialectSettings;
  readonly ip: IpCodec;
  /** Network objects, which declare what the ConfigMap does not; undefined: there are none. */
  readonly lookup?: DefinitionLookup | undefined;
  /** @see Surroundings of desired-inputs.ts */
  readonly rejoins?: Rejoins | undefined;
}

const MAX_PROBLEMS = 64;

/** This dialect makes VXLAN links only. */
export interface OpenvnfSelections extends ParsedSelections {
  readonly selections: readonly VxlanSelection[];
}

const NOTHING: OpenvnfSelections = { selections: [], problems: [], warnings: [], keep: [], inline: [], reserved: [] };

/** The pod's annotation, if its label selects the pod: only then does it matter what the ConfigMap declares. */
export function openvnfAnnotation(
  { annotations, labels }: PodView,
  { annotation, selector, compatibility }: DialectSettings,
): string | undefined {
  const text = Object.hasOwn(annotations, annotation) ? annotations[annotation] : undefined;
  const label = Object.hasOwn(labels, selector) ? labels[selector] : undefined;
  return isSelected(label, compatibility) ? text : undefined;
}

/** Judges the networks of one pod; a pod that the label does not select, or without the annotation, asks for nothing. */
export function parseSelections(input: SelectionsInput): OpenvnfSelections {
  const { pod, settings } = input;
  const text = openvnfAnnotation(pod, settings);
  if (text === undefined) return NOTHING;
  const label = pod.labels[settings.selector];
  const annotation = parseAnnotation(text, input.ip, settings.compatibility);
  const judged = annotation.networks.map((network) => judge(network, input));
  const { accepted, refused } = withoutConflicts(judged.flatMap((verdict) => verdict.candidate ?? []));
  const problems = [...annotation.problems, ...judged.flatMap((verdict) => verdict.problems), ...refused];
  const selections = accepted.map((candidate) => candidate.selection);
  const right = new Set(selections.map(({ network }) => network.name));
  const named = [...annotation.networks.map(({ name }) => name), ...annotation.keep];
  return {
    selections,
    problems: limited(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))),
    warnings: limited([
      ...unreadLabel(label, annotation, settings),
      ...annotation.warnings,
      ...accepted.flatMap((candidate) => candidate.warnings),
    ]),
    // A mistake in an edit must not cost a network that works (ADR 5).
    keep: [...new Set(named)].filter((name) => !right.has(name)),
    inline: selections
      .filter(({ network }) => !isOfObject(network) && !catalogueOf(input.declared).networks.has(network.name))
      .map(({ network }) => network.name),
    reserved: annotation.networks
      .filter(({ name }) => !right.has(name))
      .map(({ name, options }) => options.name ?? catalogueOf(input.declared).networks.get(name)?.name ?? name),
  };
}

function unreadLabel(
  value: string | undefined,
  { networks }: ParsedAnnotation,
  { selector, compatibility }: DialectSettings,
): SelectionProblem[] {
  if (value === undefined || networks.length === 0 || !looksLikeNo(value, compatibility)) return [];
  const why = `label ${selector} has value ${shown(value)}, which selects the pod all the same; only the value false does not, or no label`;
  return [problem('LabelSelects', {}, why)];
}

interface Verdict {
  /** Present when the network has no problem of its own. */
  readonly candidate?: Candidate;
  readonly problems: readonly SelectionProblem[];
}

function judge(network: AnnotatedNetwork, input: SelectionsInput): Verdict {
  return ofObject(network, input) ?? ofDeclaration(network, input);
}

/** Undefined: no network object declares it. */
function ofObject(
  network: AnnotatedNetwork,
  { pod, declared, lookup, rejoins, ip }: SelectionsInput,
): Verdict | undefined {
  if (lookup === undefined || declared === undefined) return undefined;
  const found = objectNetwork(network, { podNamespace: pod.namespace, lookup, declared, rejoins, ip });
  if (found === undefined) return undefined;
  const { line, warnings } = network;
  const problems = [...network.problems, ...('problems' in found ? found.problems : [])];
  if (problems.length > 0 || !('selection' in found)) return { problems };
  return { candidate: { selection: found.selection, line, warnings }, problems: [] };
}

function ofDeclaration(network: AnnotatedNetwork, input: SelectionsInput): Verdict {
  const place = { network: network.name, line: network.line };
  const unknown = undeclaredBecause(network, input);
  if (unknown !== undefined) return { problems: [...network.problems, unknown] };

  const catalogue = catalogueOf(input.declared);
  const entry = catalogue.networks.get(network.name);
  const id = network.options.id ?? entry?.id;
  // An id that is written but wrong: its problem is among the network's own.
  if (id === undefined) return { problems: network.problems };

  const { compatibility } = input.settings;
  const judged = judgeLink(place, { declared: entry ?? {}, own: network.options, id }, input.ip, compatibility);
  const problems = [
    ...network.problems,
    ...(isOriginal(compatibility) ? [] : fixedByDeclaration(network, entry)),
    ...takenByDeclared(place, identityKey(judged.link.dstPort, id), catalogue),
    ...judged.problems,
  ];
  if (problems.length > 0) return { problems };
  const scope =
    entry !== undefined || input.settings.inlineScope === 'cluster'
      ? CLUSTER_SCOPE
      : namespaceScope(input.pod.namespace);
  const selection: VxlanSelection = {
    kind: 'vxlan',
    dialect: 'openvnf',
    network: { scope, name: network.name },
    link: judged.link,
  };
  const warnings = [
    ...network.warnings,
    ...(catalogue.warnings.get(network.name) ?? []),
    ...judged.warnings,
    ...sharedIdentity(place, identityKey(judged.link.dstPort, id), catalogue),
  ];
  return { candidate: { selection, line: network.line, warnings }, problems: [] };
}

const catalogueOf = (declared: SelectionsInput['declared']): DeclaredNetworks =>
  declared === undefined || declared === 'absent' ? NOTHING_DECLARED : declared;

/** Why nothing can be said about a network: the cases in which what is attached stays as it is. */
function undeclaredBecause(network: AnnotatedNetwork, input: SelectionsInput): SelectionProblem | undefined {
  const { declared, settings } = input;
  const place = { network: network.name, line: network.line };
  const configMap = `ConfigMap ${settings.configMapNamespace}/${settings.configMapName}`;
  const stays = 'what is attached stays as it is';
  if (declared === undefined) {
    return problem('ConfigMapUnreadable', place, `${configMap} cannot be read; ${stays} until it can`);
  }
  const broken = catalogueOf(declared).broken.get(network.name);
  if (broken !== undefined) {
    const mistakes = broken
      .map((mistake) => mistake.message)
      .slice(0, 3)
      .join('; ');
    return problem(
      'EntryBroken',
      place,
      `its entry in ${configMap} is wrong (${mistakes}); ${stays} until it is corrected`,
    );
  }
  const entry = catalogueOf(declared).networks.get(network.name);
  if (network.options.id !== undefined || entry?.id !== undefined) return undefined;
  if (network.problems.some((mistake) => mistake.option === 'id')) return undefined;
  const toDo = `give id= in the annotation or declare the network in ${configMap}; ${stays}`;
  const idPlace = { ...place, option: 'id' };
  if (declared === 'absent') {
    return problem('ConfigMapMissing', idPlace, `has no value, and ${configMap} does not exist; ${toDo}`);
  }
  if (entry === undefined) {
    return problem('NotDeclared', idPlace, `has no value, and ${configMap} does not declare the network; ${toDo}`);
  }
  return problem('MissingId', idPlace, `has no value, neither in the annotation nor in ${configMap}; ${toDo}`);
}

/** All members of a declared network must agree on its identity, so a pod cannot choose another one. */
function fixedByDeclaration(network: AnnotatedNetwork, entry: NetworkOptions | undefined): SelectionProblem[] {
  if (entry === undefined) return [];
  const problems: SelectionProblem[] = [];
  const check = (option: string, own: number | undefined, fixed: number | undefined): void => {
    if (own === undefined || fixed === undefined || own === fixed) return;
    const place = { network: network.name, option, value: String(own), line: network.line };
    const why = `value "${own}" contradicts the declaration in the ConfigMap; allowed: ${fixed}, or leave the option out`;
    problems.push(problem('FixedByDeclaration', place, why));
  };
  check('id', network.options.id, entry.id);
  check('dstport', network.options.dstPort, entry.dstPort ?? DEFAULT_DST_PORT);
  return problems;
}

/** A pod must not reach a declared network under another name. */
function takenByDeclared(
  place: { readonly network: string; readonly line: number },
  identity: string,
  catalogue: DeclaredNetworks,
): SelectionProblem[] {
  const owners = catalogue.identities.get(identity) ?? [];
  const [owner] = owners;
  if (owner === undefined || owners.includes(place.network)) return [];
  const [port = '', id = ''] = identity.split('/');
  const why = `value "${id}" (UDP port ${port}) belongs to network "${owner}", declared in the ConfigMap; allowed: any other id, or select "${owner}" by its name`;
  return [problem('IdTaken', { ...place, option: 'id', value: id }, why)];
}

function sharedIdentity(
  place: { readonly network: string; readonly line: number },
  identity: string,
  catalogue: DeclaredNetworks,
): SelectionProblem[] {
  const others = (catalogue.identities.get(identity) ?? []).filter((name) => name !== place.network);
  if (others.length === 0) return [];
  const why = `the ConfigMap declares the same id and UDP port for ${others.slice(0, 3).join(', ')}; only one of them can be in use`;
  return [problem('IdShared', { ...place, option: 'id' }, why)];
}

function limited(problems: readonly SelectionProblem[]): SelectionProblem[] {
  if (problems.length <= MAX_PROBLEMS) return [...problems];
  const left = problems.length - MAX_PROBLEMS;
  return [...problems.slice(0, MAX_PROBLEMS), problem('MoreProblems', {}, `and ${left} more problems, not shown`)];
}
