/** Something the person at the terminal can correct; shown as one line, without a stack. Exit code 1. */
export class UsageError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UsageError';
  }
}
