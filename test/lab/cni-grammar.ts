/**
 * CniGrammar and SameConfig, from what recording wrappers around the plugins wrote down: for each sandbox and interface
 * `(ADD CHECK* DEL+)*`, no two operations at once for one sandbox, DEL and CHECK with the configuration of their ADD.
 *
 * A DEL that no ADD precedes is allowed: a worker that was killed between its journal entry and the plugin cannot know that nothing ran.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { cniPluginsDir, resetCniPlugins } from '../../deploy/lab/cni-plugins.ts';
import type { LabNode } from '../../deploy/lab/lab.ts';
import { installFakePlugin, type FakeEvent, type FakePlugin } from '../fakes/cni-plugin/install.ts';

/** A wrapper in the place of the real plugin on this node, that writes down every call and lets the real one do it. */
export function recordPlugin(node: LabNode, type: string): FakePlugin {
  rmSync(join(node.cniBinDir, `${type}.log`), { force: true });
  return installFakePlugin(node.cniBinDir, type, recording(type));
}

/** Takes away what tests put in place of the real plugins. */
export function removePlugins(nodes: readonly LabNode[]): void {
  for (const { cniBinDir } of nodes) resetCniPlugins(cniBinDir);
}

/** The control of a wrapper that does nothing but record. */
export const recording = (type: string): { '*': { delegate: string } } => ({ '*': { delegate: realPlugin(type) } });

export const realPlugin = (type: string): string => join(cniPluginsDir(), type);

const OF_NO_SANDBOX = new Set(['VERSION', 'STATUS', 'GC']);

/** @param recorders wrappers of one node. @throws Error `CniGrammar …` */
export function cniGrammar(recorders: readonly FakePlugin[]): void {
  const violations = [...recorders.flatMap(orderViolations), ...overlaps(recorders)];
  if (violations.length === 0) return;
  throw new Error(`CniGrammar does not hold:\n${violations.map((line) => `  - ${line}`).join('\n')}`);
}

function orderViolations(recorder: FakePlugin): string[] {
  const calls = recorder.events().filter(({ event, command }) => event === 'start' && !OF_NO_SANDBOX.has(command));
  const byInterface = grouped(calls, ({ env }) => `${env['CNI_CONTAINERID'] ?? ''} ${env['CNI_IFNAME'] ?? ''}`);
  return [...byInterface].flatMap(([name, ordered]) => {
    let last: string | undefined;
    let added: FakeEvent | undefined;
    return ordered.flatMap((call) => {
      const { command } = call;
      const wrong =
        (command === 'ADD' && last !== undefined && last !== 'DEL') ||
        (command === 'CHECK' && last !== 'ADD' && last !== 'CHECK');
      const other = command !== 'ADD' && added !== undefined && !sameConfig(added, call);
      last = command;
      if (command === 'ADD') added = call;
      return [
        ...(wrong ? [`${recorder.path}: ${name}: ${ordered.map((each) => each.command).join(' ')}`] : []),
        ...(other ? [`${recorder.path}: ${name}: ${command} with another configuration than its ADD`] : []),
      ];
    });
  });
}

/** The results of earlier plugins differ by nature: ADD has its predecessor's, DEL and CHECK the last one's. */
function sameConfig(a: FakeEvent, b: FakeEvent): boolean {
  const config = ({ stdin }: FakeEvent): object => ({ ...(JSON.parse(stdin) as object), prevResult: undefined });
  return isDeepStrictEqual(config(a), config(b)) && a.env['CNI_ARGS'] === b.env['CNI_ARGS'];
}

/** A call without an end was killed with its worker; when it ended is not written down. */
function overlaps(recorders: readonly FakePlugin[]): string[] {
  const calls = recorders.flatMap((recorder) => {
    const events = recorder.events();
    return events
      .filter(({ event, command }) => event === 'start' && !OF_NO_SANDBOX.has(command))
      .map((start) => {
        const end = events.find(({ event, pid, at }) => event === 'end' && pid === start.pid && at >= start.at);
        return { start, from: start.at, to: end?.at ?? start.at, sandbox: start.env['CNI_CONTAINERID'] ?? '' };
      });
  });
  const bySandbox = grouped(calls, ({ sandbox }) => sandbox);
  return [...bySandbox].flatMap(([sandbox, all]) => {
    const ordered = all.sort((a, b) => a.from - b.from);
    return ordered.slice(1).flatMap((call, index) => {
      const before = ordered[index];
      if (before === undefined || call.from >= before.to) return [];
      return [`${sandbox}: ${call.start.command} began before ${before.start.command} had ended`];
    });
  });
}

function grouped<T>(list: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}
