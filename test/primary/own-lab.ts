/** A lab whose only network is podwire: the one that PODWIRE_TEST_LAB names where it is one, else one that is made for the file and goes with it. */
import { randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import { apply, podManifest, waitRunning, type PodOptions } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { installPodwire, provideImages, uninstallPodwire } from '../../deploy/lab/installed.ts';
import { labDown, labUp, openLab, silentProgress, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { labLayout } from '../../deploy/lab/layout.ts';
import { startPodwire, stopPodwire } from '../../deploy/lab/podwire.ts';
import { readState } from '../../deploy/lab/state.ts';
import { makeNamespace, removeNamespace } from '../lab/harness.ts';
import { labsBeside, TEST_LAB } from '../runner/test-lab.ts';

const NODES = 2;

export interface PodOfNode extends Partial<Omit<PodOptions, 'node' | 'image'>> {
  readonly name: string;
  readonly node: LabNode;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface OwnLab {
  readonly lab: Lab;
  readonly namespace: string;
  pod(name: string): PodRef;
  /** 0 or 1. */
  node(index: number): LabNode;
  /** Creates pods that ask for no networks, and returns at once. */
  create(pods: readonly PodOfNode[]): Promise<PodRef[]>;
  /** The same, when all run. */
  run(pods: readonly PodOfNode[]): Promise<PodRef[]>;
}

/** Registers set-up and tear-down of a test file. @param how podwire runs */
export function ownLab(how: 'processes' | 'manifests' = 'processes'): OwnLab {
  let opened: { readonly lab: Lab; readonly isOwn: boolean } | undefined;
  const namespace = `only-${randomUUID().slice(0, 6)}`;
  const lab = (): Lab => {
    if (opened === undefined) throw new Error('the lab is opened before the first test, not while tests are declared');
    return opened.lab;
  };
  before(async () => {
    opened = await open();
    await startAs(how, opened.lab);
    await makeNamespace(opened.lab, namespace);
  });
  after(async () => {
    if (opened === undefined) return;
    if (opened.isOwn) await labDown({ name: opened.lab.name, progress: silentProgress });
    else {
      await startAs(how, opened.lab);
      await removeNamespace(opened.lab, namespace);
    }
  });
  const create = async (pods: readonly PodOfNode[]): Promise<PodRef[]> => {
    const manifests = pods.map(({ name, node, labels = {}, ...more }) => {
      const options = { node: node.name, image: lab().testImage, label: false, ...more };
      const manifest = podManifest({ namespace, name }, options) as { metadata: object };
      return { ...manifest, metadata: { ...manifest.metadata, labels } };
    });
    await apply(lab(), manifests);
    return pods.map(({ name }) => ({ namespace, name }));
  };
  return {
    get lab() {
      return lab();
    },
    namespace,
    pod: (name) => ({ namespace, name }),
    node: (index) => lab().nodes[index % NODES] as LabNode,
    create,
    run: async (pods) => {
      const made = await create(pods);
      await waitRunning(lab(), made);
      return made;
    },
  };
}

/** What runs otherwise is replaced; both have the same on the nodes' disks. */
async function startAs(how: 'processes' | 'manifests', lab: Lab): Promise<void> {
  if (how === 'processes') {
    await uninstallPodwire(lab);
    return startPodwire(lab);
  }
  await stopPodwire(lab);
  await provideImages(lab, 'existing', silentProgress);
  return installPodwire(lab, { overlay: 'existing', settings: {} });
}

async function open(): Promise<{ readonly lab: Lab; readonly isOwn: boolean }> {
  const named = process.env['PODWIRE_TEST_LAB'] ?? TEST_LAB;
  if (readState(labLayout(named))?.network === 'podwire') return { lab: await openLab(named), isOwn: false };
  const [name] = labsBeside(named);
  // Of an earlier run, which was killed.
  await labDown({ name, progress: silentProgress });
  return { lab: await labUp({ name, nodes: NODES, network: 'podwire', progress: silentProgress }), isOwn: true };
}
