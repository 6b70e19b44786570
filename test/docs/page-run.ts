/** Runs the steps of a page in a folder of their own, with the machine's programs in place of the reader's. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { attempt, SEARCH_PATH, whyFailed } from '../../deploy/lab/commands.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import type { PageCommand, PageStep } from './page-commands.ts';

export interface Program {
  /** Absolute path. */
  readonly file: string;
  /** Before the page's own arguments. */
  readonly args?: readonly string[];
  /** Right after the first of the page's arguments, a subcommand: what this machine needs beside what the page says. */
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface PageSetting {
  /** Folder that the reader would be in. */
  readonly dir: string;
  readonly programs: Readonly<Record<string, Program>>;
  /** What the page has for the reader's own (addresses, ports, images), and what it is here; in arguments, variables and files. */
  readonly replaced?: Readonly<Record<string, string>>;
  /** The same for whole arguments. */
  readonly words?: Readonly<Record<string, string>>;
  /** For one command. */
  readonly limitMs: number;
  /** Told of each command before it is run. */
  readonly onCommand?: (text: string) => void;
}

const BACKGROUND_SPEAKS_MS = 20_000;
const BACKGROUND_ENDS_MS = 5_000;

/** @throws Error that names line and command of the first one that fails, with what it said */
export async function runPage(steps: readonly PageStep[], setting: PageSetting): Promise<void> {
  const exported: Record<string, string> = {};
  const notes: string[] = [];
  try {
    for (const step of steps) {
      if (step.kind === 'export') Object.assign(exported, replacedIn(step.env, setting));
      else if (step.kind === 'file') writeInto(join(setting.dir, step.path), replace(step.text, setting));
      else if (step.background) notes.push(await inBackground(step, exported, setting));
      else await inForeground(step, exported, setting);
    }
  } finally {
    for (const note of notes) await stopDaemon(note, 'SIGTERM', BACKGROUND_ENDS_MS);
  }
}

async function inForeground(step: PageCommand, exported: Record<string, string>, setting: PageSetting): Promise<void> {
  const { words, env } = commandOf(step, exported, setting);
  const result = await attempt('/usr/bin/env', words, { env, timeoutMs: setting.limitMs });
  if (result.code !== 0) throw new Error(`${targetOf(step)}: ${whyFailed(result)}`);
}

/** Waits until it has said something. Returns the file by which it is ended. */
async function inBackground(
  step: PageCommand,
  exported: Record<string, string>,
  setting: PageSetting,
): Promise<string> {
  const { words, env } = commandOf(step, exported, setting);
  const [logFile, noteFile] = ['log', 'pid'].map((name) =>
    join(setting.dir, '.background', `${step.line}.${name}`),
  ) as [string, string];
  await startDaemon({
    file: '/usr/bin/env',
    args: words,
    env: { PATH: SEARCH_PATH, LC_ALL: 'C', ...env },
    logFile,
    noteFile,
  });
  const said = (): string => readFileSync(logFile, 'utf8').split('\n').slice(1).join('\n');
  const ended = (): Error => new Error(`${targetOf(step)} ended: ${said()}`);
  try {
    await waitFor(
      `a word of ${targetOf(step)}`,
      async () => {
        if (daemonPid(noteFile) === undefined) throw ended();
        return said().trim() === '' ? undefined : true;
      },
      { limitMs: BACKGROUND_SPEAKS_MS, giveUpOn: () => daemonPid(noteFile) === undefined },
    );
  } catch (error) {
    await stopDaemon(noteFile, 'SIGTERM', BACKGROUND_ENDS_MS);
    throw error;
  }
  return noteFile;
}

function commandOf(step: PageCommand, exported: Record<string, string>, setting: PageSetting) {
  const program = setting.programs[step.program];
  if (program === undefined) throw new Error(`${targetOf(step)}: there is no ${step.program} here`);
  setting.onCommand?.(textOf(step));
  const args = step.args.map((word) => setting.words?.[word] ?? replace(word, setting));
  const own = [...args.slice(0, 1), ...(program.options ?? []), ...args.slice(1)];
  return {
    words: [`--chdir=${setting.dir}`, program.file, ...(program.args ?? []), ...own],
    env: { ...program.env, ...exported, ...replacedIn(step.env, setting) },
  };
}

function replace(text: string, { replaced = {} }: PageSetting): string {
  return Object.entries(replaced).reduce((done, [written, here]) => done.replaceAll(written, here), text);
}

const replacedIn = (env: Readonly<Record<string, string>>, setting: PageSetting): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, replace(value, setting)]));

function writeInto(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, text);
}

const textOf = ({ program, args }: PageCommand): string => [program, ...args].join(' ');
const targetOf = (step: PageCommand): string => `line ${step.line}: ${textOf(step)}`;
