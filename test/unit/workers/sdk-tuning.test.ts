import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { Logger } from '../../../adapters/log/logger.ts';
import { readOrchestratorConfig } from '../../../config/orchestrator.ts';
import { tuneSdk } from '../../../workers/sdk-tuning.ts';

const runInContext = Object.getOwnPropertyDescriptor(vm.Script.prototype, 'runInContext') as PropertyDescriptor;
const promiseHooks = Object.getOwnPropertyDescriptor(v8, 'promiseHooks') as PropertyDescriptor;

const warnings: string[] = [];
const log = {
  warn: ({ problem }: { problem: string }, text: string) => void warnings.push(`${text}: ${problem}`),
} as unknown as Logger;

/** Ends a script that runs for longer than it may, as a workflow's calls are ended. */
function hasTimeLimit(): boolean {
  const spin = new vm.Script('for (const end = Date.now() + 100; Date.now() < end; );');
  try {
    spin.runInContext(vm.createContext({}), { timeout: 1 });
    return false;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ERR_SCRIPT_EXECUTION_TIMEOUT');
    return true;
  }
}

function hasHooks(): boolean {
  try {
    const stop = v8.promiseHooks.createHook({ init: () => undefined }) as () => void;
    stop();
    return true;
  } catch {
    return false;
  }
}

function assertUntouched(): void {
  assert.ok(hasTimeLimit(), 'calls have a time limit');
  assert.ok(hasHooks(), 'promises have hooks');
}

describe('the tuning of the Temporal SDK', () => {
  afterEach(() => {
    Object.defineProperty(vm.Script.prototype, 'runInContext', runInContext);
    Object.defineProperty(v8, 'promiseHooks', promiseHooks);
    warnings.splice(0);
  });

  it('is off unless it is asked for, by a flag or the environment', () => {
    assert.equal(readOrchestratorConfig([], {}).sdkTuning, 'off');
    assert.equal(readOrchestratorConfig([], { PODWIRE_SDK_TUNING: 'on' }).sdkTuning, 'on');
    assert.equal(readOrchestratorConfig(['--sdk-tuning=off'], { PODWIRE_SDK_TUNING: 'on' }).sdkTuning, 'off');
    assert.throws(() => readOrchestratorConfig(['--sdk-tuning=true'], {}), /--sdk-tuning .* is "true"/);
  });

  it('changes nothing where it is not wanted', () => {
    const thread = tuneSdk('off', log);
    assert.deepEqual([thread.tuned, thread.options], [false, {}]);
    assertUntouched();
    assert.deepEqual(warnings, []);
  });

  it('takes time limit and stacks away in the SDK that is installed, and leaves the hooks of Node itself', async () => {
    const thread = tuneSdk('on', log);
    assert.deepEqual([thread.tuned, thread.options], [true, { debugMode: true }]);
    assert.deepEqual(warnings, []);
    assert.ok(!hasTimeLimit());
    assert.ok(!hasHooks());
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const storage = new AsyncLocalStorage<string>();
    const seen = await storage.run('mine', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return storage.getStore();
    });
    assert.equal(seen, 'mine');
  });

  it('is left out with a warning in another version of the SDK', () => {
    const thread = tuneSdk('on', log, { '@temporalio/worker': '1.24.0', '@temporalio/workflow': '1.25.0' });
    assert.deepEqual([thread.tuned, thread.options], [false, {}]);
    assertUntouched();
    assert.deepEqual(warnings, [
      'the Temporal SDK is not tuned; workflows run as it supports them: @temporalio/workflow is 1.24.0, and what is changed is known of 1.25.0',
    ]);
  });

  it('is undone with a warning where calls keep their time limit all the same', () => {
    Object.defineProperty(vm.Script.prototype, 'runInContext', {
      configurable: true,
      get: () => runInContext.value as unknown,
      set: () => undefined,
    });
    assert.equal(tuneSdk('on', log).tuned, false);
    assertUntouched();
    assert.match(warnings.join('\n'), /not tuned.*calls into workflows still have a time limit/);
    assert.equal(warnings.length, 1);
  });

  it('is undone with a warning where stacks are recorded all the same', () => {
    Object.defineProperty(v8, 'promiseHooks', {
      configurable: true,
      get: () => promiseHooks.value as unknown,
      set: () => undefined,
    });
    assert.equal(tuneSdk('on', log).tuned, false);
    assertUntouched();
    assert.match(warnings.join('\n'), /not tuned.*stacks of promises are still recorded/);
  });

  it('is undone with a warning where Node does not let itself be changed', () => {
    Object.defineProperty(v8, 'promiseHooks', { ...promiseHooks, writable: false });
    assert.equal(tuneSdk('on', log).tuned, false);
    assertUntouched();
    assert.match(warnings.join('\n'), /not tuned.*read only property 'promiseHooks'/);
  });
});
