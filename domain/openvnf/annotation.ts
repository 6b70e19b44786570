/**
 * The annotation's grammar: `vxeth0, vxeth1 id=5 ip=1.2.3.4/24` on one line, or a network per line with its options on indented
 * lines below. A comma always begins a network, never an option.
 */
import { keepAll } from '../plan/keep.ts';
import type { SelectionProblem } from '../network-selection.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { Compatibility } from '../settings.ts';
import { isNetworkName, NETWORK_NAME_RULE, optionNamed } from './names.ts';
import { readOptions, type NetworkOptions } from './options.ts';
import { problem, UNTIL_RIGHT } from './problems.ts';
import { shown } from '../text/shown.ts';
import { isOriginal } from './rules.ts';
import { tokensOf, type Token, type Word } from './tokens.ts';
import { utf8Length } from '../text/utf8-length.ts';

export const MAX_ANNOTATION_BYTES = 8192;
const MAX_NETWORKS = 16;

export interface AnnotatedNetwork {
  readonly name: string;
  readonly line: number;
  readonly options: NetworkOptions;
  /** Mistakes in this network's own part of the annotation. */
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
}

export interface ParsedAnnotation {
  /** In the order written, each name once. */
  readonly networks: readonly AnnotatedNetwork[];
  /** Mistakes that belong to none of `networks`: a duplicate, a name that is no name, an annotation too long. */
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
  /** What a mistake may hide and `networks` lacks, as `ParsedSelections.keep` has it: it was not taken out of the annotation (ADR 5). */
  readonly keep: readonly string[];
}

interface Section {
  readonly name: Word;
  readonly words: Word[];
  readonly misplaced: SelectionProblem[];
}

const EVERYTHING = keepAll('openvnf');
/** Of networks beyond the limit. */
const SHOWN_NAMES = 8;

/** Parses any text; never throws. */
export function parseAnnotation(text: string, ip: IpCodec, compatibility: Compatibility): ParsedAnnotation {
  const size = utf8Length(text);
  if (size > MAX_ANNOTATION_BYTES) {
    const why = `the annotation has ${size} bytes; allowed: at most ${MAX_ANNOTATION_BYTES}`;
    return { networks: [], problems: [problem('AnnotationTooLong', {}, why)], warnings: [], keep: [EVERYTHING] };
  }
  const { sections, stray } = sectionsOf(tokensOf(text));
  const networks: AnnotatedNetwork[] = [];
  const problems: SelectionProblem[] = [...stray];
  const warnings: SelectionProblem[] = [];
  const isGarbled = stray.length > 0 || sections.some(({ misplaced }) => misplaced.length > 0);
  const keep: string[] = isGarbled ? [EVERYTHING] : [];
  const seen = new Map<string, number>();
  const left: Word[] = [];
  for (const section of sections) {
    const fault = sectionFault(section, seen, compatibility);
    if (fault !== undefined) {
      // The original made the first one and looked no further.
      const harmless = fault.code === 'DuplicateNetwork' && isOriginal(compatibility);
      (harmless ? warnings : problems).push(fault);
      // Whatever network was meant by it.
      if (!harmless) keep.push(EVERYTHING);
      continue;
    }
    const name = section.name.text;
    seen.set(name, section.name.line);
    if (seen.size > MAX_NETWORKS) {
      left.push(section.name);
      continue;
    }
    const read = readOptions(section.words, { kind: 'annotation', network: name, ip, compatibility });
    networks.push({
      name,
      line: section.name.line,
      options: read.options,
      problems: [...section.misplaced, ...read.problems],
      warnings: read.warnings,
    });
    keep.push(...read.keep);
  }
  problems.push(...tooMany(left));
  return { networks, problems, warnings, keep: [...keep, ...left.map(({ text: name }) => name)] };
}

function tooMany(left: readonly Word[]): SelectionProblem[] {
  const [first] = left;
  if (first === undefined) return [];
  const names = left.slice(0, SHOWN_NAMES).map(({ text }) => text);
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : '';
  const why = `is network number ${MAX_NETWORKS + 1}; allowed: at most ${MAX_NETWORKS} networks a pod; left out, and what is attached of them stays: ${names.join(', ')}${more}`;
  return [problem('TooManyNetworks', { network: first.text, line: first.line }, why)];
}

function sectionFault(
  section: Section,
  seen: ReadonlyMap<string, number>,
  compatibility: Compatibility,
): SelectionProblem | undefined {
  const place = { network: section.name.text, line: section.name.line };
  if (!isNetworkName(section.name.text, compatibility))
    return problem('InvalidNetworkName', place, `is no network name; ${NETWORK_NAME_RULE}; ${UNTIL_RIGHT}`);
  const before = seen.get(section.name.text);
  if (before === undefined) return undefined;
  const why = `is named before, on line ${before}; name it once, the first one is used`;
  return problem('DuplicateNetwork', place, isOriginal(compatibility) ? why : `${why}; ${UNTIL_RIGHT}`);
}

function sectionsOf(tokens: readonly Token[]): { sections: Section[]; stray: SelectionProblem[] } {
  const sections: Section[] = [];
  const stray: SelectionProblem[] = [];
  for (const token of tokens) {
    const current = sections.at(-1);
    const [first, ...rest] = token.words;
    const option = first.text.split('=', 1)[0] ?? '';
    if (token.indented && current !== undefined) current.words.push(...token.words);
    else if (first.text.includes('=') || optionNamed(option) !== undefined) {
      const place = { network: current?.name.text, option, line: first.line };
      (current?.misplaced ?? stray).push(
        problem('MisplacedOption', place, `${misplacedBecause(token, current)}; ${UNTIL_RIGHT}`),
      );
    } else sections.push({ name: first, words: rest, misplaced: [] });
  }
  return { sections, stray };
}

function misplacedBecause(token: Token, current: Section | undefined): string {
  const where = `${shown(token.words[0].text)} stands where a network name is expected`;
  if (current === undefined) return `${where}; write the network before its options`;
  return token.afterComma
    ? `${where}: a comma separates networks; put spaces between options, or each on an indented line`
    : `${where}; begin the line with white space to make it an option of the network above`;
}
