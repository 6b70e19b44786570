/**
 * How this process runs workflows: as the Temporal SDK supports it, or tuned (`--sdk-tuning on`, ADR 8 and 17).
 *
 * Tuned, workflows run in the thread of their worker, without what costs more CPU time there than podwire's workflows themselves:
 *
 * - Every call into a workflow runs under a time limit, for which Node starts and joins a watchdog thread.
 * - The stack of every promise is recorded, so that Temporal's UI can show a workflow's stack trace.
 *
 * The SDK has no option for either, and what is changed for it is Node's, for the whole process. Therefore only the SDK that this was written
 * for is tuned, and only where the effect can be shown. Everything else runs as the SDK supports it.
 *
 * The SDK reads both functions when it makes a worker and when it calls a workflow, not when it is loaded. So this need not run before the SDK is
 * imported, only before the first `Worker.create`.
 */
import { createRequire } from 'node:module';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { WorkerOptions } from '@temporalio/worker';
import type { GlobalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import type { Logger } from '../adapters/log/logger.ts';

export type SdkTuning = 'on' | 'off';

interface WorkflowThread {
  /** Whether workflows run tuned: it was wanted, and the effect was shown. */
  readonly tuned: boolean;
  /** For `Worker.create`. */
  readonly options: Pick<WorkerOptions, 'debugMode'>;
  /** To be called when the worker is there. */
  readonly workerIsThere: () => void;
}

/** The packages whose inner workings are changed, and the versions of them that are known. */
const KNOWN_SDK: Readonly<Record<string, string>> = {
  '@temporalio/worker': '1.24.0',
  '@temporalio/workflow': '1.24.0',
};
/** Far longer than its limit, so that a watchdog that is there ends it. */
const SPIN_MS = 30;
const SPIN_LIMIT_MS = 1;

const SUPPORTED: WorkflowThread = { tuned: false, options: {}, workerIsThere: () => undefined };
const TUNED: WorkflowThread = {
  tuned: true,
  // An option made for debuggers: it is what runs workflows in this thread.
  options: { debugMode: true },
  // For workflows in this thread the SDK takes over how the stack of any error is written, and lines of the sources would be lost.
  workerIsThere: () => void Reflect.deleteProperty(Error, 'prepareStackTrace'),
};

const load = createRequire(import.meta.url);

/**
 * Must be called before the process makes its first worker. Where tuning is wanted and cannot be had, the log has a warning with the cause, and
 * nothing of Node is changed.
 * @param known versions of the SDK's packages that may be tuned
 */
export function tuneSdk(wanted: SdkTuning, log: Logger, known = KNOWN_SDK): WorkflowThread {
  if (wanted === 'off') return SUPPORTED;
  const problem = unknownVersion(known) ?? change();
  if (problem === undefined) return TUNED;
  log.warn({ problem }, 'the Temporal SDK is not tuned; workflows run as it supports them');
  return SUPPORTED;
}

function unknownVersion(known: Readonly<Record<string, string>>): string | undefined {
  for (const [name, version] of Object.entries(known)) {
    const found = (load(`${name}/package.json`) as { version: string }).version;
    if (found !== version) return `${name} is ${found}, and what is changed is known of ${version}`;
  }
  return undefined;
}

/** @returns what of it has no effect; all of it is undone then */
function change(): string | undefined {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this`, and put back as it was
  const { runInContext } = vm.Script.prototype;
  const { promiseHooks } = v8;
  const hooks: { promiseHooks: typeof promiseHooks } = v8;
  try {
    vm.Script.prototype.runInContext = function (context, options = {}): unknown {
      const unlimited = { ...options };
      delete unlimited.timeout;
      return runInContext.call(this, context, unlimited);
    };
    // A copy: the object itself is also the one that Node's AsyncLocalStorage uses, on which cancellation scopes stand.
    hooks.promiseHooks = {
      ...promiseHooks,
      // The SDK goes on without stacks where the hook cannot be made.
      createHook: () => {
        throw new Error('no stacks of promises with --sdk-tuning on');
      },
    };
    const problem = watchdogIsThere() ?? stacksAreThere();
    if (problem === undefined) return undefined;
    throw new Error(problem);
  } catch (error) {
    undo(() => void (vm.Script.prototype.runInContext = runInContext));
    undo(() => void (hooks.promiseHooks = promiseHooks));
    return error instanceof Error ? error.message : String(error);
  }
}

/** What could not be changed cannot be put back either. */
function undo(step: () => void): void {
  try {
    step();
  } catch {
    return;
  }
}

/** Runs a script for longer than it may, in the way in which the SDK calls workflows. */
function watchdogIsThere(): string | undefined {
  const script = new vm.Script(`for (const end = Date.now() + ${SPIN_MS}; Date.now() < end; );`);
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
  try {
    script.runInContext(context, { timeout: SPIN_LIMIT_MS, displayErrors: true });
    return undefined;
  } catch (error) {
    return `calls into workflows still have a time limit: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Lets the SDK's own code install its hook, on an instance that no worker uses. */
function stacksAreThere(): string | undefined {
  const shared = load('@temporalio/worker/lib/workflow/vm-shared') as { GlobalHandlers: new () => GlobalHandlers };
  const handlers = new shared.GlobalHandlers() as unknown as {
    setPromiseHook(): void;
    stopPromiseHook(): void;
    promiseHookInstalled: boolean;
  };
  handlers.setPromiseHook();
  if (!handlers.promiseHookInstalled) return undefined;
  handlers.stopPromiseHook();
  return 'stacks of promises are still recorded';
}
