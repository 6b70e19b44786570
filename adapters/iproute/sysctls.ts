/** Sysctls of a network namespace by sysctl(8), which takes paths with slashes: a dot belongs to the name then. */
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import { unknownOutcome } from './batch-errors.ts';
import type { RunInside } from './kernel.ts';

const TIMEOUT_MS = 3_000;

export function createSysctls(inside: RunInside): Pick<LinkKernel, 'readSysctls' | 'writeSysctls'> {
  return {
    async readSysctls(netns, paths) {
      if (paths.length === 0) return new Map();
      // One that cannot be read is told on stderr and by the exit code; the others are printed.
      const result = await inside(netns, { program: 'sysctl', args: ['-e', ...paths], timeoutMs: TIMEOUT_MS });
      if (result.code === undefined || result.truncated) throw unknownOutcome('sysctl', result);
      const names = new Map(paths.map((path) => [printed(path), path]));
      return new Map(result.stdout.split('\n').flatMap((line) => valueIn(line, names)));
    },
    async writeSysctls(netns, values) {
      if (values.size === 0) return;
      const given = [...values].map(([path, value]) => `${path}=${value}`);
      const result = await inside(netns, {
        program: 'sysctl',
        args: ['-e', '-q', '-w', ...given],
        timeoutMs: TIMEOUT_MS,
      });
      if (result.code === undefined) throw unknownOutcome('sysctl -w', result);
    },
  };
}

/** As sysctl prints the name of a path. */
const printed = (path: string): string => path.replaceAll(/[./]/g, (each) => (each === '/' ? '.' : '/'));

function valueIn(line: string, names: ReadonlyMap<string, string>): [path: string, value: string][] {
  const at = line.indexOf(' =');
  const path = at === -1 ? undefined : names.get(line.slice(0, at));
  return path === undefined ? [] : [[path, line.slice(at + 2).trim()]];
}
