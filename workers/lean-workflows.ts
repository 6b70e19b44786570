/**
 * Preloaded into processes that run workflow code (`node --import`), the orchestrator and `podwire ksr`. Two conveniences of the SDK cost more CPU time
 * there than podwire's workflows themselves (measured, ADR 8), and neither has an option:
 *
 * - Every call into a workflow, several per step, runs under a time limit, for which Node starts and ends a watchdog thread: 80 µs of CPU
 *   time and 200 µs of waiting on a busy machine, against 7 without. The limit is for endless loops, which podwire's workflows do not have.
 * - The stack of every promise is recorded, so that the UI can show a workflow's stack trace. podwire says in its own words what it waits for.
 */
import v8 from 'node:v8';
import vm from 'node:vm';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
const { runInContext } = vm.Script.prototype;
vm.Script.prototype.runInContext = function (context, options = {}): unknown {
  const unlimited = { ...options };
  delete unlimited.timeout;
  return runInContext.call(this, context, unlimited);
};
if (process.env['PODWIRE_WORKFLOW_STACKS'] !== 'true') {
  // A copy: the object itself is also the one that Node's AsyncLocalStorage uses, on which cancellation scopes stand.
  const promiseHooks: typeof v8.promiseHooks = {
    ...v8.promiseHooks,
    // The SDK goes on without stacks where the hook cannot be made.
    createHook: () => {
      throw new Error('no stacks of promises; set PODWIRE_WORKFLOW_STACKS=true to have them');
    },
  };
  Object.defineProperty(v8, 'promiseHooks', { value: promiseHooks });
}
