/** The lab of the tests: made once for all groups that need it, taken down at the end, its logs kept when something failed. */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { daemonPid, noteDaemon } from '../../adapters/process/daemon.ts';
import { labDown, labUp, lineProgress, openLab, type Lab } from '../../deploy/lab/lab.ts';
import { ROOT } from './groups.ts';

export const TEST_LAB = 'podwire-test';
const NODES = 3;
/** Names of the labs that a test may make beside a lab; a lab's name has at most 20 characters. */
export const labsBeside = (name: string): readonly [string, string] => [
  `${name.slice(0, 18)}-a`,
  `${name.slice(0, 18)}-b`,
];
const TEST_LABS: readonly string[] = [TEST_LAB, ...labsBeside(TEST_LAB)];
/** Names the process of the run that has the lab. */
const CLAIM = '/run/podwire-test.pid';
export const isTestLab = (name: string): boolean => TEST_LABS.includes(name);
/** Below build/, which is nobody's source. */
const KEPT_LOGS = join(ROOT, 'build/test-lab-logs');

export class TestLab {
  readonly #given: string | undefined;
  readonly #print: (line: string) => void;
  #lab: Lab | undefined;
  #touched = false;

  /** @param given name of a lab that is up and is not to be taken down; undefined: one of our own */
  constructor(given: string | undefined, print: (line: string) => void) {
    this.#given = given;
    this.#print = print;
  }

  /**
   * Keeps other runs of the tests away from the lab until this process ends.
   *
   * @throws Error that names a run which has it
   */
  claim(): void {
    if (this.#given !== undefined) return;
    const other = daemonPid(CLAIM);
    if (other !== undefined)
      throw new Error(
        `lab ${TEST_LAB} is used by another run of the tests (process ${other}): wait for it, or give --lab`,
      );
    noteDaemon(CLAIM, process.pid);
    process.on('exit', () => rmSync(CLAIM, { force: true }));
  }

  /** What an earlier run left, because it was killed, goes first. */
  async clean(): Promise<void> {
    if (this.#given !== undefined || (daemonPid(CLAIM) ?? process.pid) !== process.pid) return;
    for (const name of TEST_LABS) await labDown({ name, progress: quiet });
  }

  /** Starts it, once. @throws Error when it cannot run here */
  async up(): Promise<Lab> {
    if (this.#lab !== undefined) return this.#lab;
    if (this.#given !== undefined) return (this.#lab = await openLab(this.#given));
    this.#touched = true;
    this.#print(`\n=== lab ${TEST_LAB}`);
    return (this.#lab = await labUp({ name: TEST_LAB, nodes: NODES, progress: lineProgress(this.#print) }));
  }

  /** Copies the logs of all parts to where they outlive the lab. */
  keepLogs(): void {
    const logs = this.#lab === undefined ? `/var/lib/podwire-lab/${TEST_LAB}/logs` : join(this.#lab.dir, 'logs');
    if (!existsSync(logs)) return;
    rmSync(KEPT_LOGS, { recursive: true, force: true });
    cpSync(logs, KEPT_LOGS, { recursive: true });
    this.#print(`logs of the lab's parts: ${KEPT_LOGS}`);
  }

  /** Also where no group needed the lab: the directory that `ip netns add` makes on its first call is a lab's to remove. */
  async down(): Promise<void> {
    if (!this.#touched) return this.clean();
    this.#print(`\n=== taking down lab ${TEST_LAB}`);
    await labDown({ name: TEST_LAB, progress: lineProgress(this.#print) });
    // What a test that was ended could not take down itself.
    await this.clean();
  }
}

const quiet = lineProgress(() => undefined);
