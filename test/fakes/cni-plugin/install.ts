/** Puts the fake CNI plugin into a directory under any name, and tells it what to do. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the plugin does when it is called with a command; nothing said: it succeeds and makes nothing. */
export interface FakeRule {
  /** Only for the first so many calls of that command; afterwards it behaves. */
  readonly times?: number;
  /** Absolute path of a real plugin that is executed first: with a fault after it this is a half success. */
  readonly delegate?: string;
  readonly sleepMs?: number;
  /** Leaves a background process behind that holds its pipes. */
  readonly grandchild?: boolean;
  /** Fails with this CNI error code. */
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  /** Printed instead of a result. */
  readonly print?: string;
  readonly printBytes?: number;
  readonly stderr?: string;
  readonly exit?: number;
  /** Ends itself with this signal, after what it printed. */
  readonly signal?: NodeJS.Signals;
  /** Removes its own binary. */
  readonly disappear?: boolean;
}

export type FakeControl = Readonly<
  Partial<Record<'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION' | '*', FakeRule>>
> & { readonly supportedVersions?: readonly string[] };

export interface FakeEvent {
  readonly event: 'start' | 'end' | 'grandchild';
  readonly command: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stdin: string;
  readonly stdinSha256: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface FakePlugin {
  readonly path: string;
  control(control: FakeControl): void;
  /** In the order in which they happened; start and end of one call have the same pid. */
  events(): FakeEvent[];
  /** The commands that were started, in order. */
  commands(): string[];
  /** Takes the binary away; its log stays. */
  remove(): void;
  restore(): void;
}

const SOURCE = join(import.meta.dirname, 'plugin.mjs');

/** @param dir a plugin directory of the test's own */
export function installFakePlugin(dir: string, name: string, control: FakeControl = {}): FakePlugin {
  const path = join(dir, name);
  const replace = (file: string, text: string, mode: number): void => {
    writeFileSync(`${file}.tmp`, text, { mode });
    renameSync(`${file}.tmp`, file);
  };
  const plugin: FakePlugin = {
    path,
    control: (next) => {
      rmSync(`${path}.counts.json`, { force: true });
      replace(`${path}.control.json`, JSON.stringify(next), 0o644);
    },
    events: () => {
      if (!existsSync(`${path}.log`)) return [];
      const lines = readFileSync(`${path}.log`, 'utf8').trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as FakeEvent);
    },
    commands: () => plugin.events().flatMap(({ event, command }) => (event === 'start' ? [command] : [])),
    remove: () => rmSync(path, { force: true }),
    // The installed file is found by its own path, which is how the plugin knows whose control file to read.
    restore: () => replace(path, `#!${process.execPath}\nimport(${JSON.stringify(SOURCE)});\n`, 0o755),
  };
  plugin.control(control);
  plugin.restore();
  return plugin;
}
