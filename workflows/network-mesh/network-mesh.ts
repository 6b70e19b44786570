/**
 * networkMesh: after members of a network changed, every node with members brings its FDBs in line. There is one activity per node, never
 * one per peer. The run does not wait for a node that is away: the node resyncs by itself when its worker starts, and every minute. The run ends when nothing
 * is left to tell.
 */
import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { NodeActivities } from '../../activities/network/network-contract.ts';
import { MEMBERS_CHANGED, nodeQueue, SEARCH_NETWORKS, type ReconcileRequest } from '../../domain/messages.ts';
import { isExecTarget } from '../../domain/target.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import * as options from '../steps/activity-options.ts';
import { control, patientControl } from '../steps/run-context.ts';
import { classify } from '../steps/outcome.ts';

const membersChanged = defineSignal<[ReconcileRequest]>(MEMBERS_CHANGED);

const networksKey = defineSearchAttributeKey(SEARCH_NETWORKS, 'KEYWORD_LIST');

/** What the run knows of one node: whether the node is being told, and whether it must be told again. */
interface NodeState {
  syncing: boolean;
  dirty: boolean;
}

export async function networkMesh(input: NetworkRef): Promise<void> {
  const network = { scope: input.scope, name: input.name };
  const nodes = new Map<string, NodeState>();
  const behind = new Set<string>();
  let changed = true;
  let signals = 0;
  setHandler(membersChanged, () => {
    changed = true;
    signals += 1;
  });
  upsertSearchAttributes([{ key: networksKey, value: [networkKey(input)] }]);

  const sync = async (node: string, state: NodeState): Promise<void> => {
    state.syncing = true;
    while (state.dirty) {
      state.dirty = false;
      if (await syncNode(network, node)) behind.delete(node);
      else behind.add(node);
    }
    state.syncing = false;
  };

  for (;;) {
    if (changed) {
      changed = false;
      for (const node of await listNodes(network)) {
        const state = nodes.get(node) ?? { syncing: false, dirty: false };
        nodes.set(node, state);
        state.dirty = true;
        if (!state.syncing) void sync(node, state);
      }
      show(nodes, behind);
    }
    await condition(() => changed || ![...nodes.values()].some((state) => state.syncing));
    if (changed && signals < options.MESH_SIGNALS_PER_RUN) continue;
    await condition(() => ![...nodes.values()].some((state) => state.syncing));
    if (!changed) await tryControl((proxy) => proxy.recordMesh({ ...network, behind: [...behind].sort() }));
    show(nodes, behind);
    if (!changed) return;
    if (signals >= options.MESH_SIGNALS_PER_RUN) await continueAsNew<typeof networkMesh>(input);
  }
}

/** True: the node has applied the members. False: the node is away or keeps failing, and its own resync takes over. */
async function syncNode(network: NetworkRef, node: string): Promise<boolean> {
  const { syncFdb } = proxyActivities<NodeActivities>({ ...options.MESH_SYNC, taskQueue: nodeQueue(node) });
  try {
    await syncFdb.executeWithOptions(
      { activityId: `sync-fdb-${node}`, summary: `FDB of ${networkKey(network)} on ${node}` },
      [isExecTarget(node) ? { ...network, place: node } : network],
    );
    return true;
  } catch (error) {
    if (classify(error).kind === 'cancelled') throw error;
    return false;
  }
}

async function listNodes(network: NetworkRef): Promise<readonly string[]> {
  let nodes: readonly string[] = [];
  await tryControl(async (proxy) => {
    nodes = await proxy.listMeshNodes.executeWithOptions({ summary: 'which nodes have members?' }, [network]);
  });
  return nodes;
}

/** Repeats a control activity until it succeeds. The mesh run waits as long as members cannot be read or written. */
async function tryControl(call: (proxy: typeof control) => Promise<void>): Promise<void> {
  let pause: number = options.CONTROL_PAUSE_SECONDS.first;
  for (let proxy = control; ; proxy = patientControl) {
    try {
      return await call(proxy);
    } catch (error) {
      if (classify(error).kind === 'cancelled') throw error;
      await condition(() => false, `${pause}s`);
      pause = Math.min(pause * 2, options.CONTROL_PAUSE_SECONDS.longest);
    }
  }
}

function show(nodes: ReadonlyMap<string, NodeState>, behind: ReadonlySet<string>): void {
  const rows = [...nodes].map(
    ([node, state]) => `| ${node} | ${state.syncing ? 'syncing' : behind.has(node) ? 'behind' : 'done'} |`,
  );
  setCurrentDetails(['| node | FDB |', '|---|---|', ...rows].join('\n'));
}
