/**
 * The commands of a page of the documentation, so that a test can run each of them as it is written. A comment right above a fenced
 * block says what becomes of it:
 *
 *   <!-- run: GROUP -->                the lines are run, one after the other; a group's blocks follow one another
 *   <!-- run in background: GROUP -->  its one line goes on until the group ends
 *   <!-- file: GROUP PATH -->          the block is the text of that file, for the commands that follow
 *   <!-- not run: REASON -->           for one of the reasons that the test allows
 */
import { wordsOf } from './page-words.ts';

export interface PageCommand {
  readonly kind: 'command';
  /** Of the page, from 1. */
  readonly line: number;
  readonly env: Readonly<Record<string, string>>;
  readonly program: string;
  readonly args: readonly string[];
  readonly background: boolean;
}

/** From there on for all commands of the group. */
interface PageExport {
  readonly kind: 'export';
  readonly line: number;
  readonly env: Readonly<Record<string, string>>;
}

interface PageFile {
  readonly kind: 'file';
  readonly line: number;
  /** Relative, without `..`. */
  readonly path: string;
  readonly text: string;
}

export type PageStep = PageCommand | PageExport | PageFile;

export interface Page {
  readonly groups: ReadonlyMap<string, readonly PageStep[]>;
  readonly notRun: readonly { readonly line: number; readonly reason: string }[];
}

export interface PageRules {
  /** Why a block may not be run. */
  readonly reasons: readonly string[];
  /** What may stand first on a line. */
  readonly programs: readonly string[];
}

interface Block {
  readonly language: string;
  /** Of its first line of text. */
  readonly line: number;
  readonly text: readonly string[];
  readonly marker: string | undefined;
}

const COMMANDS: readonly string[] = ['sh', 'bash', 'shell', 'console'];
const ASSIGNMENT = /^([A-Z][A-Z0-9_]*)=(.*)$/s;

/** @throws Error with every mistake: a block of commands without a comment, a reason that is not allowed, a line that needs a shell */
export function readPage(markdown: string, rules: PageRules): Page {
  const groups = new Map<string, PageStep[]>();
  const notRun: { line: number; reason: string }[] = [];
  const problems: string[] = [];
  for (const block of blocksOf(markdown)) {
    try {
      const marker = markerOf(block, rules);
      if (marker === undefined) continue;
      if (marker.kind === 'not-run') notRun.push({ line: block.line, reason: marker.reason });
      else {
        const steps =
          marker.kind === 'file' ? [fileStep(block, marker.path)] : stepsOf(block, marker.background, rules);
        groups.set(marker.group, [...(groups.get(marker.group) ?? []), ...steps]);
      }
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return { groups, notRun };
}

function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const [, indent = '', language = ''] = /^(\s*)```(\S*)\s*$/.exec(lines[at] ?? '') ?? [];
    if (!/^\s*```/.test(lines[at] ?? '')) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === '```');
    if (end < 0) throw new Error(`line ${at + 1}: a fence is not closed`);
    const text = lines.slice(at + 1, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    const above =
      lines
        .slice(0, at)
        .reverse()
        .find((line) => line.trim() !== '') ?? '';
    blocks.push({ language, line: at + 2, text, marker: /^\s*<!--\s*(.*?)\s*-->\s*$/.exec(above)?.[1] });
    at = end;
  }
  return blocks;
}

type Marker =
  | { readonly kind: 'run'; readonly group: string; readonly background: boolean }
  | { readonly kind: 'file'; readonly group: string; readonly path: string }
  | { readonly kind: 'not-run'; readonly reason: string };

function markerOf({ language, line, marker = '' }: Block, { reasons }: PageRules): Marker | undefined {
  const at = `the block at line ${line}`;
  const [, kind = '', rest = ''] = /^(run|run in background|file|not run): (.*)$/.exec(marker) ?? [];
  if (kind === '') {
    if (!COMMANDS.includes(language)) return undefined;
    throw new Error(`${at} has commands and no comment above it that says whether they are run`);
  }
  if (kind === 'not run') {
    if (reasons.includes(rest)) return { kind: 'not-run', reason: rest };
    throw new Error(`${at} is not run because: ${rest}; allowed: ${reasons.join('; ')}`);
  }
  const [group = '', path = '', ...more] = rest.split(' ');
  const fits = /^[a-z][a-z0-9-]*$/.test(group) && more.length === 0;
  if (!fits || (path !== '') !== (kind === 'file')) throw new Error(`${at}: "${marker}" is no marker that is known`);
  if (kind !== 'file') return { kind: 'run', group, background: kind !== 'run' };
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/.test(path))
    throw new Error(`${at}: ${path} is no path below the working directory`);
  return { kind: 'file', group, path };
}

const fileStep = ({ line, text }: Block, path: string): PageFile => ({
  kind: 'file',
  line,
  path,
  text: `${text.join('\n')}\n`,
});

function stepsOf({ line, text }: Block, background: boolean, rules: PageRules): PageStep[] {
  const steps: PageStep[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const first = line + at;
    let whole = text[at] ?? '';
    while (whole.endsWith('\\') && at + 1 < text.length) whole = `${whole.slice(0, -1)} ${text[(at += 1)] ?? ''}`;
    const step = stepOf(whole, first, background, rules);
    if (step !== undefined) steps.push(step);
  }
  if (background && steps.length !== 1)
    throw new Error(`the block at line ${line} has ${steps.length} commands for the background; allowed: one`);
  return steps;
}

function stepOf(text: string, line: number, background: boolean, { programs }: PageRules): PageStep | undefined {
  let words: string[];
  try {
    words = wordsOf(text);
  } catch (error) {
    throw new Error(`line ${line}: ${(error as Error).message}: ${text.trim()}`, { cause: error });
  }
  if (words.length === 0) return undefined;
  const isExport = words[0] === 'export';
  const rest = isExport ? words.slice(1) : words;
  const count = rest.findIndex((word) => !ASSIGNMENT.test(word));
  const env = Object.fromEntries(rest.slice(0, count < 0 ? rest.length : count).map(assigned));
  const [program, ...args] = count < 0 ? [] : rest.slice(count);
  if (isExport || program === undefined) {
    if (isExport && program === undefined) return { kind: 'export', line, env };
    throw new Error(`line ${line}: ${text.trim()}: allowed: export NAME=VALUE …, or a command`);
  }
  if (!programs.includes(program)) throw new Error(`line ${line}: ${program} is none of ${programs.join(', ')}`);
  return { kind: 'command', line, env, program, args, background };
}

function assigned(word: string): [string, string] {
  const [, name = '', value = ''] = ASSIGNMENT.exec(word) ?? [];
  return [name, value];
}
