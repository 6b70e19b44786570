/** Output that nobody reads any more, as after `| head`: a command goes on to its end and says no more, instead of ending in the middle of its work. */

let closed = false;

/** Called once by every program that prints. An error of the output other than a closed pipe ends the program as before. */
export function outliveClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      closed = true;
    });
  }
}

/** Whether what is printed reaches nobody; what would print for ever ends then. */
export const outputIsClosed = (): boolean => closed;
