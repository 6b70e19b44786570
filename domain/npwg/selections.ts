/** What a pod asks for in the NPWG's standard (version 1.3), judged as a whole. Pure and total: any text gives a result. */
import type { CniConfigSource, JsonObject } from '../cni/attachment.ts';
import { isCniInterfaceName } from '../cni/interface-name.ts';
import { configProblems } from '../cni/definition-check.ts';
import type { DefinitionLookup } from '../cni/network-definition.ts';
import { dialectProblem, limitedProblems } from '../cni/problems.ts';
import { declaredNetwork } from '../network-objects/network-object.ts';
import { namedObject, type ObjectReading } from '../network-objects/references.ts';
import { judgeObject } from '../network-objects/selections.ts';
import { keepAll, keepEntry, keepInterface } from '../plan/keep.ts';
import type { Rejoins } from '../plan/published-claims.ts';
import {
  nameIn,
  namespaceScope,
  networkKey,
  type ForeignAttachment,
  type NetworkRef,
  type NetworkSelection,
  type ParsedSelections,
  type SelectionProblem,
} from '../network-selection.ts';
import { publishedForeign, type OwnLink } from '../status/podwire-status.ts';
import { shown } from '../text/shown.ts';
import type { PodView } from '../pod/pod-view.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { SelectionsInput } from '../openvnf/selections.ts';
import { NPWG_NETWORKS_ANNOTATION, type DialectSettings } from '../settings.ts';
import { npwgElements, type NpwgElement } from './elements.ts';
import { npwgFields, type JudgedFields } from './fields.ts';
import { foreignEntries, type ForeignEntry } from './foreign.ts';

export interface NpwgInput {
  readonly pod: PodView;
  /** Undefined: only the annotation is judged, and selections come with an empty configuration (lint without definitions). */
  readonly lookup: DefinitionLookup | undefined;
  readonly settings: DialectSettings;
  readonly ip: IpCodec;
  /** As `SelectionsInput.declared` of openvnf: a name of the ConfigMap is none of a ClusterNetwork. */
  readonly declared?: SelectionsInput['declared'];
  /** podwire's links as its records have them; without them its published status alone tells what is its own. */
  readonly recorded?: readonly OwnLink[] | undefined;
  /** @see Surroundings */
  readonly rejoins?: Rejoins | undefined;
}

/** Judges the networks of one pod; a pod without the annotation asks for nothing. */
export function parseNpwgSelections(input: NpwgInput): ParsedSelections {
  const { pod, settings } = input;
  if (!settings.npwg.enabled) return { selections: [], problems: [], warnings: [], keep: [] };
  const foreign = foreignEntries(pod, input.recorded);
  const text = Object.hasOwn(pod.annotations, NPWG_NETWORKS_ANNOTATION)
    ? (pod.annotations[NPWG_NETWORKS_ANNOTATION] ?? '')
    : '';
  const { elements, problems, unreadable, otherInterfaces } = npwgElements(text, pod.namespace);
  const candidates = elements.map((element): Candidate => ({
    element,
    network: `${element.namespace}/${element.name}`,
    ...npwgFields(element, input.ip, settings.cniPolicy),
  }));
  const satisfied = satisfiedBy(foreign, candidates);
  const clashes = clashesOf(candidates, foreign, satisfied);
  const verdicts = candidates.map((candidate) => judge(candidate, clashes, satisfied, input));
  const refused = candidates.filter((_, index) => (verdicts[index]?.problems.length ?? 0) > 0);
  const selections = verdicts.flatMap((verdict) => verdict.selection ?? []);
  const named = new Set([...selections.map(nameIn), ...foreign.map((entry) => entry.interfaceName)]);
  const left = refused.map(({ spec }) => spec.interfaceName).filter((name) => name !== '');
  const keep = new Set([
    ...(unreadable ? [keepAll('npwg')] : []),
    ...refused.map(({ element }) => keepEntry('npwg', refOf(element))),
    ...left.filter((name) => !named.has(name)).map((name) => keepInterface('npwg', name)),
  ]);
  return {
    selections,
    problems: limitedProblems('npwg', [...problems, ...verdicts.flatMap((verdict) => verdict.problems)]),
    warnings: [],
    keep: [...keep],
    foreign: foreign.map((entry): ForeignAttachment => ({
      ...foreignAttachment(entry, satisfied),
      ...(settings.npwg.adoptForeign ? takenOut(entry, satisfied, keep, pod) : {}),
    })),
    reserved: [...otherInterfaces, ...left],
  };
}

function foreignAttachment(entry: ForeignEntry, satisfied: Satisfied): ForeignAttachment {
  const { interfaceName, network } = entry;
  const candidate = [...satisfied].find(([, by]) => by === entry)?.[0];
  return { interfaceName, network, ...(candidate === undefined ? {} : { satisfies: refOf(candidate.element) }) };
}

/** Only what is surely the annotation's: Multus attaches networks of its own configuration, too. The pod's own network is never it. */
function takenOut(
  { interfaceName, reference }: ForeignEntry,
  satisfied: Satisfied,
  keep: ReadonlySet<string>,
  pod: PodView,
): Pick<ForeignAttachment, 'takenOut'> {
  const [namespace, name] = reference?.split('/') ?? [];
  if (namespace === undefined || name === undefined || !isCniInterfaceName(interfaceName)) return {};
  if ([...satisfied.values()].some((entry) => entry.interfaceName === interfaceName)) return {};
  const network = { scope: namespaceScope(namespace), name };
  const kept = [keepAll('npwg'), keepEntry('npwg', network), keepInterface('npwg', interfaceName)];
  if (kept.some((entry) => keep.has(entry))) return {};
  const wasAskedFor = publishedForeign(pod.publishedStatus).some(
    (entry) => entry.interfaceName === interfaceName && entry.name === networkKey(network),
  );
  return wasAskedFor ? { takenOut: network } : {};
}

interface Candidate extends JudgedFields {
  readonly element: NpwgElement;
  readonly network: string;
}

interface Verdict {
  readonly selection?: NetworkSelection;
  readonly problems: readonly SelectionProblem[];
}

const refOf = ({ namespace, name }: NpwgElement): NetworkRef => ({ scope: namespaceScope(namespace), name });

/** Selections that need not be attached, with the foreign entry that each of them has. */
type Satisfied = ReadonlyMap<Candidate, ForeignEntry>;

type Clashes = ReadonlyMap<Candidate, readonly SelectionProblem[]>;

function judge(candidate: Candidate, clashes: Clashes, satisfied: Satisfied, input: NpwgInput): Verdict {
  const problems = [...candidate.problems, ...(clashes.get(candidate) ?? [])];
  if (satisfied.has(candidate)) return { problems };
  problems.push(...isolationProblems(candidate, input));
  if (problems.length > 0) return { problems };
  const config = configOf(candidate, input);
  if (Array.isArray(config)) return { problems: config };
  if ('object' in config) return objectVerdict(candidate, config.object, input);
  const network = refOf(candidate.element);
  const { position } = candidate.element;
  return { selection: { kind: 'cni', dialect: 'npwg', network, cni: candidate.spec, config, position }, problems: [] };
}

/** What an entry makes of a network object. */
function objectVerdict({ element, network, spec }: Candidate, object: ObjectReading, input: NpwgInput): Verdict {
  const { pod, lookup, declared, rejoins, ip } = input;
  if (lookup === undefined) return { problems: [] };
  const { namespace, position } = element;
  const place = { dialect: 'npwg' as const, network, namespace, podNamespace: pod.namespace };
  const judged = judgeObject(object, { ...place, asked: spec, lookup, declared, rejoins, ip });
  if (!('link' in judged)) return judged;
  const through = { dialect: 'npwg' as const, definition: refOf(element) };
  const of = declaredNetwork(judged.object);
  return {
    selection: { kind: 'vxlan', dialect: 'npwg', network: of, link: judged.link, through, position },
    problems: [],
  };
}

function configOf(
  { element, network, spec }: Candidate,
  input: NpwgInput,
): CniConfigSource | SelectionProblem[] | { readonly object: ObjectReading } {
  if (input.lookup === undefined) return { uid: '', text: '' };
  const definition = input.lookup({ kind: 'nad', namespace: element.namespace, name: element.name });
  if (definition === 'absent') {
    const why = `there is no NetworkAttachmentDefinition ${network}; create it or correct the name; what is attached stays as it is`;
    return [dialectProblem('npwg', 'NetworkNotFound', { network }, why)];
  }
  if (definition === 'unreadable') {
    const why = `its NetworkAttachmentDefinition cannot be read; what is attached stays as it is until it can`;
    return [dialectProblem('npwg', 'DefinitionUnreadable', { network }, why)];
  }
  // A file of the node has it (NPWG 1.3, section 3.4.1); it is read and judged when the intent is written.
  if (definition.config.trim() === '') return { uid: definition.uid, text: '' };
  const object = namedObject(definition.config);
  if (object !== undefined) return { object };
  const source = { uid: definition.uid, text: definition.config };
  const { capabilityArgs } = spec;
  const policy = input.settings.cniPolicy;
  const check = { dialect: 'npwg' as const, network, fallbackName: element.name, capabilityArgs, policy };
  const problems = configProblems(source, check);
  return problems.length > 0 ? problems : source;
}

function isolationProblems({ element, network }: Candidate, { pod, settings }: NpwgInput): SelectionProblem[] {
  const { namespaceIsolation, sharedNamespaces } = settings.npwg;
  if (!namespaceIsolation || element.namespace === pod.namespace || sharedNamespaces.includes(element.namespace)) {
    return [];
  }
  const allowed = [pod.namespace, ...sharedNamespaces].slice(0, 16).join(', ');
  const why = `lies in another namespace than the pod; allowed namespaces: ${allowed}; the administrator shares others (--npwg-shared-namespaces)`;
  return [dialectProblem('npwg', 'NamespaceIsolated', { network }, why)];
}

/** Each foreign attachment satisfies one selection of its network: first those that ask for its interface, then those that ask for none. */
function satisfiedBy(foreign: readonly ForeignEntry[], candidates: readonly Candidate[]): Satisfied {
  const free = new Set(foreign.filter(({ reference }) => reference !== undefined));
  const satisfied = new Map<Candidate, ForeignEntry>();
  for (const wantsName of [true, false]) {
    for (const candidate of candidates) {
      const wanted = candidate.spec.interfaceName;
      // An interface that was refused is not "none asked for".
      const asksForName = Object.hasOwn(candidate.element.fields, 'interface');
      if (asksForName !== wantsName || (asksForName && wanted === '')) continue;
      const match = [...free].find(
        (entry) => entry.reference === candidate.network && (!asksForName || entry.interfaceName === wanted),
      );
      if (match === undefined) continue;
      free.delete(match);
      satisfied.set(candidate, match);
    }
  }
  return satisfied;
}

/** An empty list asks for none, and so does not compete; a wrong value asks for something. */
function asksForDefaultRoute(fields: JsonObject): boolean {
  const value = Object.hasOwn(fields, 'default-route') ? fields['default-route'] : undefined;
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

/** What entries of one annotation cannot share: interfaces (the first has it), and the pod's default route (then nobody has it). */
function clashesOf(candidates: readonly Candidate[], foreign: readonly ForeignEntry[], satisfied: Satisfied): Clashes {
  const owners = new Map<string, string>();
  const foreignOwners = new Map(foreign.map((entry) => [entry.interfaceName, entry.network]));
  const routed = candidates.filter(({ element }) => asksForDefaultRoute(element.fields));
  return new Map(
    candidates.map((candidate) => {
      const { network, spec } = candidate;
      const problems: SelectionProblem[] = [];
      const place = { network, option: 'interface', value: spec.interfaceName };
      const owner = spec.interfaceName === '' ? undefined : owners.get(spec.interfaceName);
      const foreignOwner = spec.interfaceName === '' ? undefined : foreignOwners.get(spec.interfaceName);
      if (owner !== undefined) {
        const why = `value "${spec.interfaceName}" is used by network "${owner}" of the same annotation; allowed: another name (NPWG 1.3, section 4.1.2.1, "interface")`;
        problems.push(dialectProblem('npwg', 'DuplicateInterface', place, why));
      } else if (foreignOwner !== undefined && !satisfied.has(candidate)) {
        const why = `value "${spec.interfaceName}" belongs to network ${shown(foreignOwner)}, which another runtime attached; allowed: another name`;
        problems.push(dialectProblem('npwg', 'InterfaceTaken', place, why));
      }
      // Only an entry that is right by itself takes a name from the others.
      if (problems.length === 0 && candidate.problems.length === 0 && spec.interfaceName !== '') {
        owners.set(spec.interfaceName, network);
      }
      if (routed.length > 1 && routed.includes(candidate)) {
        const why = `${routed.length} entries ask for the pod's default route; allowed: one entry (NPWG 1.3, section 4.1.2.1, "default-route")`;
        problems.push(dialectProblem('npwg', 'SeveralDefaultRoutes', { network, option: 'default-route' }, why));
      }
      return [candidate, problems];
    }),
  );
}
