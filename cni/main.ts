/**
 * podwire's CNI plugin: what a container runtime starts for each pod. It asks the node worker and prints its answer.
 *
 * One executable with three names, by which it knows whose configuration it gets: `podwire-cni`, `contiv-cni` (contiv's), `podwire-ipam`.
 * Exit code 0, or 1 with an error object on standard output; nothing else is ever written there.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { answer, type Answered } from './answer.ts';
import { appendLine } from './log-file.ts';
import { readInput } from './read-input.ts';

const NAMES = ['podwire-cni', 'podwire-ipam', 'contiv-cni'];

const { stdout, exitCode, logFile, about } = await answer({
  name: nameOfThis(),
  env: process.env,
  input: () => readInput(process.stdin),
  runsForMs: () => performance.now(),
});
if (logFile !== undefined) log(logFile, about);
process.stdout.write(stdout, () => process.exit(exitCode));

/** As the runtime wrote it: the path of the program is that of the file a link leads to. */
function nameOfThis(): string {
  const [first = ''] = readFileSync('/proc/self/cmdline', 'utf8').split('\0');
  const name = basename(first);
  return NAMES.includes(name) ? name : 'podwire-cni';
}

/** A log that cannot be written is said once and changes no answer. */
function log(file: string, line: Answered['about']): void {
  try {
    appendLine(file, JSON.stringify({ time: new Date().toISOString(), pid: process.pid, ...line }));
  } catch (error) {
    process.stderr.write(`podwire-cni: the log ${file} cannot be written: ${String(error)}\n`);
  }
}
