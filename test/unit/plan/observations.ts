/** Shortens the tests of the plan: observations of one pod, written as the little that differs from a plain one. */
import type { RecordedAttachment, Observation, DesiredAttachment } from '../../../domain/plan/observation.ts';
import { plan, type AttachmentTask } from '../../../domain/plan/plan.ts';

export const NODE = 'node-1';
export const SANDBOX = 'sandbox-1';

export function observed(change: Partial<Observation> = {}): Observation {
  return {
    presence: 'live',
    node: NODE,
    inputsHash: 'inputs',
    sandboxId: SANDBOX,
    wished: [],
    known: [],
    keep: [],
    keepAll: false,
    problems: 0,
    ...change,
  };
}

/** @param hashes `link/tunnel` */
export function desired(interfaceName: string, name = interfaceName, hashes = 'l/t'): DesiredAttachment {
  const [linkHash = '', tunnelHash = ''] = hashes.split('/');
  return { kind: 'vxlan', selection: 0, interfaceName, network: { scope: 'red', name }, linkHash, tunnelHash };
}

/** The record of a finished attach, as it is unless changed. */
export function record(interfaceName: string, change: Partial<RecordedAttachment> = {}): RecordedAttachment {
  return {
    ...desired(interfaceName),
    keepName: change.network?.name ?? interfaceName,
    node: NODE,
    sandboxId: SANDBOX,
    phase: 'attached',
    generation: 1,
    modRevision: '7',
    completed: true,
    ...change,
  };
}

/** `-eth1` removes, `+eth1` attaches, `±eth1` does both in one task; `~eth1` takes an edit back. */
export function lines(observation: Observation): string[] {
  const decided = plan(observation);
  return decided.kind === 'lookup-sandbox' ? [decided.kind] : decided.tasks.map(line);
}

function line(task: AttachmentTask): string {
  const takesBack = task.rollBack === undefined ? '' : '~';
  const signs = `${task.remove.length > 0 ? '-' : ''}${task.attach === undefined ? '' : '+'}${takesBack}`;
  return `${signs === '-+' ? '±' : signs}${task.interfaceName}`;
}
