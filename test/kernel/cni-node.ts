/** The node's activities with real plugins, for one test file. */
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { CniDeps } from '../../activities/network/deps.ts';
import { createNodeSteps, type NodeSteps } from '../../activities/network/index.ts';
import { createCniJournal } from '../../adapters/cni/journal.ts';
import { installFakePlugin, type FakePlugin } from '../fakes/cni-plugin/install.ts';
import { createCniBench, type CniBench } from './cni-bench.ts';
import { createNode, type NodeUnderTest } from './node-under-test.ts';

export interface CniNode {
  readonly bench: CniBench;
  readonly node: NodeUnderTest;
  readonly deps: CniDeps;
  readonly steps: NodeSteps;
  /** A plugin of the type `fake`, which does what it is told. */
  readonly fake: FakePlugin;
}

export interface CniNodeOptions {
  /** Whether the node's own commands, too, run where its plugins do: for tests of what is on the host. */
  readonly onHost?: boolean;
  /** What the activities get in place of what they have otherwise. */
  readonly deps?: (bench: CniBench) => Partial<CniDeps>;
}

/** Registers set-up and tear-down; the parts are there before the first test and in every `beforeEach`, not in another `before` of the file. */
export function cniNodeForTests(options: CniNodeOptions = {}): CniNode {
  let made: CniNode | undefined;
  const parts = (): CniNode => {
    if (made === undefined) throw new Error('the node is made before the first test, not while tests are declared');
    return made;
  };
  before(async () => {
    made = await create(options);
  });
  after(async () => {
    await made?.node.close();
    await made?.bench.close();
  });
  return {
    get bench() {
      return parts().bench;
    },
    get node() {
      return parts().node;
    },
    get deps() {
      return parts().deps;
    },
    get steps() {
      return parts().steps;
    },
    get fake() {
      return parts().fake;
    },
  };
}

async function create({ onHost = false, deps: change }: CniNodeOptions): Promise<CniNode> {
  const bench = await createCniBench();
  const fake = installFakePlugin(bench.binDir, 'fake');
  const node = createNode(onHost ? bench.host : undefined);
  const journal = createCniJournal(join(bench.dir, 'journal'));
  const deps: CniDeps = { ...node.deps, plugins: bench.plugins, journal, ...change?.(bench) };
  return { bench, fake, node, deps, steps: createNodeSteps(deps) };
}
