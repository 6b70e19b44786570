/** Changes of links in many network namespaces: by one call where that is possible, or a few calls at once. */
import type { ForwardingOutcome, LinkChange } from '../../domain/ports/link-kernel.ts';
import { eachWithLimit } from '../../domain/concurrency/with-limit.ts';
import { unknownOutcome } from './batch-errors.ts';
import type { ManyCall, RunInMany } from './kernel.ts';
import { NETNS_PER_CALL } from './many-netns.ts';

const MANY_TIMEOUT_MS = 20_000;
/** Namespaces at once where each is a call of its own. */
const AT_ONCE = 8;

type Outcome = PromiseSettledResult<ForwardingOutcome>;

/**
 * All in one go; what cannot be told from its exit code is done again one by one, which tells, and harms nothing.
 * @param many absent: each namespace has a call of its own
 */
export async function inAll<T>(
  many: RunInMany | undefined,
  program: ManyCall['program'],
  changes: readonly LinkChange<T>[],
  linesOf: (link: string, change: T) => string[],
  alone: (change: LinkChange<T>, lines: readonly string[]) => Promise<ForwardingOutcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let first = 0; first < changes.length; first += NETNS_PER_CALL) {
    const part = changes.slice(first, first + NETNS_PER_CALL);
    const texts = part.map(({ link, change }) => linesOf(link, change));
    const filled = part.flatMap(({ netns }, index) => {
      const lines = texts[index] ?? [];
      return lines.length === 0 ? [] : [{ netns, lines }];
    });
    let done = filled.length === 0;
    if (filled.length > 1 && many !== undefined) {
      const result = await many({ program, batches: filled, timeoutMs: MANY_TIMEOUT_MS });
      if (result.timedOut || result.aborted) {
        const reason = unknownOutcome(`${program} in ${filled.length} network namespaces`, result);
        outcomes.push(...part.map((): Outcome => ({ status: 'rejected', reason })));
        continue;
      }
      done = result.code === 0;
    }
    if (done) outcomes.push(...part.map((): Outcome => ({ status: 'fulfilled', value: 'applied' })));
    else outcomes.push(...(await eachWithLimit(part, AT_ONCE, (change, index) => alone(change, texts[index] ?? []))));
  }
  return outcomes;
}
