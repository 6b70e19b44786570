/** What a command has to say beside its answer, on standard error. */

/** The answer is whole all the same. */
export const warn = (message: string): void => void process.stderr.write(`podwire: ${message}\n`);

/** The answer lacks something: exit code 1. */
export function tell(problem: string): void {
  warn(problem);
  process.exitCode = 1;
}
