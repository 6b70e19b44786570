/** The reflection's activities, with everything they need injected. */
import { CancelledFailure, Context } from '@temporalio/activity';
import type { ReflectSource, ResyncProgress } from '../../domain/reflect/messages.ts';
import type { ReflectionWork } from '../../domain/reflect/statistics.ts';
import { kindsOf } from '../../domain/reflect/derive.ts';
import type { ReflectDeps } from './reflect-deps.ts';
import { toApplicationFailure } from '../failure-mapping.ts';
import { findGoneNodes, removeGoneNodes } from './gone-nodes.ts';
import type { ReflectActivities, ReflectLocalActivities } from './reflect-contract.ts';
import { reflectNames } from './names.ts';
import { resync } from './resync.ts';

/** A local activity is given up after 2 s; a call to etcd that was begun before this ends before that. */
const WRITE_UNTIL_MS = 1_000;
const HEARTBEAT_MS = 1_000;

export function createReflectActivities(deps: ReflectDeps): ReflectLocalActivities & ReflectActivities {
  return {
    reflectNames: ({ source, names }) =>
      judged(deps, source, 'names', () =>
        reflectNames(deps, source, names, { writeUntil: performance.now() + WRITE_UNTIL_MS }),
      ),
    reflectResync: (input) =>
      withProgress(async (tell, signal) => {
        const kinds = kindsOf(input.source);
        for (const kind of kinds) deps.ledger.count(kind, 'resyncs');
        try {
          return await judged(deps, input.source, 'resync', () => resync(deps, input, tell, signal));
        } catch (error) {
          for (const kind of kinds) deps.ledger.count(kind, 'resErrors');
          throw error;
        }
      }),
    findGoneNodes: () => withProgress(() => findGoneNodes(deps)),
    removeGoneNodes: ({ nodes }) => withProgress(() => removeGoneNodes(deps, nodes)),
  };
}

/** Notes whether the source gets on. */
async function judged<T>(
  deps: ReflectDeps,
  source: ReflectSource,
  work: ReflectionWork,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    const result = await attempt();
    deps.ledger.succeeded(source, work);
    return result;
  } catch (error) {
    deps.ledger.failed(source, work, error instanceof Error ? error.message : String(error));
    throw toApplicationFailure(error);
  }
}

async function withProgress<T>(
  work: (tell: (progress: ResyncProgress) => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  let last: ResyncProgress | undefined;
  const timer = setInterval(() => context.heartbeat(last), HEARTBEAT_MS);
  try {
    return await work((progress) => {
      last = progress;
    }, context.cancellationSignal);
  } catch (error) {
    // After a cancellation every failure is a consequence of it.
    if (context.cancellationSignal.aborted) throw new CancelledFailure('cancelled');
    throw toApplicationFailure(error);
  } finally {
    clearInterval(timer);
  }
}
