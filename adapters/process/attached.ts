/** Children that take over this process's terminal, for commands that a person runs through ours (kubectl exec -it …). */
import { spawn } from 'node:child_process';

/**
 * Runs a program on our own standard input, output and error until it ends; no time-out, a person sits before it.
 *
 * @returns its exit code; 128 + 15 style codes for signals are the caller's business, a signal gives 1.
 * @throws Error when it cannot be started.
 */
export async function runAttached(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawn(file, [...args], { env: { ...env }, stdio: 'inherit' });
  // A Ctrl-C goes to the whole foreground group; the child decides, we wait for it.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`cannot start ${file}: ${cause.message}`, { cause })));
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    process.off('SIGINT', ignore);
  }
}
