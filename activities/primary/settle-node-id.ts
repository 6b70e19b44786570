/** Brings a node's number in etcd and on its disk together. */
import { PodwireError } from '../../domain/failures.ts';
import type { NodeIdDisk, NodeIds } from '../../domain/ports/node-ids.ts';
import { nextNodeIdStep, type NodeIdStep } from '../../domain/primary/node-id.ts';

export interface NodeIdDeps {
  readonly node: string;
  readonly ids: NodeIds;
  readonly disk: NodeIdDisk;
  /** Whether a pod of the node has an address. */
  readonly hasPods: () => boolean;
  /** What the ranges of addresses have room for. */
  readonly highest: bigint;
}

export type NodeIdOutcome =
  | { readonly kind: 'settled'; readonly id: number }
  /** Pods stay; there must be no new ones, and the node is not ready. */
  | { readonly kind: 'conflict'; readonly id: number; readonly holder: string | undefined };

/** Hundreds of nodes may start at once after a loss of etcd, each of them losing a race for the lowest number now and then. */
const MOST_LOOKS = 500;

/** @throws PodwireError NodeIdUnavailable, EtcdUnavailable, RecordInvalid (the disk's), or the disk's error */
export async function settleNodeId(deps: NodeIdDeps): Promise<NodeIdOutcome> {
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const [onDisk, found] = await Promise.all([deps.disk.read(deps.node), deps.ids.read()]);
    const step = nextNodeIdStep({ ...found, node: deps.node, onDisk, hasPods: deps.hasPods(), highest: deps.highest });
    const outcome = await carryOut(deps, step);
    if (outcome !== undefined) return outcome;
  }
  throw unavailable(`other nodes were faster, ${MOST_LOOKS} times in turn`);
}

/** @returns undefined: look again */
async function carryOut({ node, ids, disk }: NodeIdDeps, step: NodeIdStep): Promise<NodeIdOutcome | undefined> {
  switch (step.kind) {
    case 'settled':
      // Before a pod has an address of it.
      await ids.keep(node);
      for (const id of step.surplus) await ids.remove(id, node);
      for (const id of step.claimed) await ids.unclaim(id, node);
      return { kind: 'settled', id: step.id };
    case 'conflict':
      if (!step.hasClaim) await ids.claim(step.id, node);
      return { kind: 'conflict', id: step.id, holder: step.holder };
    case 'note':
      await disk.write(node, step.id);
      return undefined;
    // Etcd comes first: an entry of this name is found again, whatever happens before the disk has it.
    case 'create':
      await ids.create(step.id, node);
      return undefined;
    case 'yield':
      await ids.move(step.id, step.to, node);
      return undefined;
    case 'exhausted':
      throw unavailable(`all numbers that the ranges of addresses have room for are taken (${step.taken})`);
  }
}

const unavailable = (why: string): PodwireError =>
  new PodwireError('NodeIdUnavailable', `there is no node ID to be had: ${why}`);
