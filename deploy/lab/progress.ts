/** Progress lines for people: what runs, for how long already, what comes next. */

export interface Progress {
  /** A heading; `next` names what comes after it. */
  stage(title: string, next?: string): void;
  /** One plain line. */
  line(text: string): void;
  /** Runs some work; a line when it ends, and every few seconds while it takes longer than two. */
  task<T>(title: string, work: () => Promise<T>): Promise<T>;
}

const FIRST_SIGN_MS = 2_000;
const SIGN_EVERY_MS = 5_000;

/** Progress as lines with the time since the start in front. */
export function lineProgress(write: (line: string) => void): Progress {
  const started = performance.now();
  const line = (text: string): void => write(`[${seconds(performance.now() - started).padStart(7)}] ${text}`);
  return {
    line,
    stage: (title, next) => line(`== ${title}${next === undefined ? '' : `   (then: ${next})`}`),
    task: async (title, work) => {
      const taskStarted = performance.now();
      const elapsed = (): string => seconds(performance.now() - taskStarted);
      let timer: NodeJS.Timeout | undefined;
      const sign = (): void => {
        line(`.. ${title}, ${elapsed()} so far`);
        timer = setTimeout(sign, SIGN_EVERY_MS);
      };
      timer = setTimeout(sign, FIRST_SIGN_MS);
      try {
        const result = await work();
        line(`ok ${title} (${elapsed()})`);
        return result;
      } catch (error) {
        line(`-- ${title} failed (${elapsed()})`);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Progress that shows nothing, for tests. */
export const silentProgress: Progress = {
  stage: () => undefined,
  line: () => undefined,
  task: async (_title, work) => work(),
};

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
