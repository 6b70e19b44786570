/**
 * A pod's networks and options as they are written, for people who compare with what they wrote: nothing is judged, nothing is made
 * canonical. kube-vxlan-controller shows its networks in this form.
 */
import type { Compatibility } from '../settings.ts';
import { optionNamed } from './names.ts';
import { isOriginal } from './rules.ts';
import { tokensOf, wordsOf, type Word } from './tokens.ts';

export interface WrittenNetwork {
  readonly name: string;
  /** Texts by option, in the order of their names; always has name, type, dev and id. */
  readonly options: ReadonlyMap<string, string>;
}

type Options = ReadonlyMap<string, string>;

const defaultsOf = (name: string): Options =>
  new Map([
    ['name', name],
    ['type', 'vxlan'],
    ['dev', 'eth0'],
  ]);

/** Options that add up where podwire's own rules hold. */
const REPEATABLE: ReadonlySet<string> = new Set(['ip', 'route', 'peers']);

/**
 * In the order of the annotation; networks without an id are left out.
 * @param declared data of the ConfigMap; undefined when there is none
 */
export function writtenNetworks(
  annotation: string,
  declared: Readonly<Record<string, string>> | undefined,
  compatibility: Compatibility,
): WrittenNetwork[] {
  return sectionsOf(annotation).flatMap(({ name, words }) => {
    const entry = declared !== undefined && Object.hasOwn(declared, name) ? (declared[name] ?? '') : '';
    const theirs = optionsOf(wordsOf(entry).map(declaredWord), compatibility);
    const own = optionsOf(
      words.map(({ text }) => text),
      compatibility,
    );
    // In the original a ConfigMap cannot change what has a default.
    const layers = isOriginal(compatibility) ? [theirs, defaultsOf(name), own] : [defaultsOf(name), theirs, own];
    const merged = new Map(layers.flatMap((layer) => [...layer]));
    if (!merged.has('id')) return [];
    return [{ name, options: new Map([...merged].sort(([a], [b]) => (a < b ? -1 : 1))) }];
  });
}

function sectionsOf(annotation: string): { name: string; words: Word[] }[] {
  const sections: { name: string; words: Word[] }[] = [];
  for (const { words, indented } of tokensOf(annotation)) {
    const [first, ...rest] = words;
    const current = sections.at(-1);
    if (indented && current !== undefined) current.words.push(...words);
    else if (!first.text.includes('=') && optionNamed(first.text) === undefined)
      sections.push({ name: first.text, words: rest });
  }
  return sections;
}

/** The oldest format of an entry is the bare id. */
const declaredWord = ({ text }: Word): string => (/^[+-]?\d+$/.test(text) ? `id=${Number(text)}` : text);

function optionsOf(words: readonly string[], compatibility: Compatibility): Options {
  const options = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    const key = at < 0 ? word : word.slice(0, at);
    const value = at < 0 ? 'true' : word.slice(at + 1);
    const before = options.get(key);
    const adds = before !== undefined && !isOriginal(compatibility) && REPEATABLE.has(key);
    options.set(key, adds ? `${before},${value}` : value);
  }
  return options;
}
