/** What a lab has on the machine, to be compared before and after something that must not touch it. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { labLayout, NETNS_ROOT, nodeLayouts, ownsNetns } from '../../deploy/lab/layout.ts';
import { MOUNT_POINTS } from '../../deploy/lab/node-mounts.ts';
import { partNames, partPid } from '../../deploy/lab/parts.ts';
import { pidsInCgroup } from '../../deploy/lab/processes.ts';
import { readState } from '../../deploy/lab/state.ts';
import { machine } from '../runner/machine.ts';

/** Pids of the lab's parts; undefined for one that does not run. */
export const partPids = (name: string): Record<string, number | undefined> => {
  const lab = labLayout(name);
  return Object.fromEntries(partNames(lab).map((part) => [part, partPid(lab, part)]));
};

export interface LabTraces {
  readonly parts: Readonly<Record<string, number | undefined>>;
  /** Pids of what runs in pods. */
  readonly inPods: readonly number[];
  /** Names and inodes of network and mount namespaces. */
  readonly namespaces: readonly string[];
  readonly mounts: readonly string[];
  /** Of what decides about the lab: state, certificates, kubeconfigs, how parts are started. */
  readonly files: readonly string[];
}

export function labTraces(name: string): LabTraces {
  const lab = labLayout(name);
  const namespaces = [
    ...readdirSync(NETNS_ROOT)
      .filter((each) => ownsNetns(lab, each))
      .map((each) => join(NETNS_ROOT, each)),
    ...nodeLayouts(lab, readState(lab)?.nodes ?? 0).map(({ mountNsPath }) => mountNsPath),
  ];
  const files = [lab.pkiDir, lab.kubeconfigDir, lab.partsDir].flatMap((dir) =>
    readdirSync(dir).map((file) => join(dir, file)),
  );
  return {
    parts: partPids(name),
    inPods: pidsInCgroup(lab.cgroup).sort((a, b) => a - b),
    namespaces: namespaces.map((path) => `${path} ${statSync(path).ino}`),
    // As a set of lines with their ids: one that was mounted anew has another.
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${lab.dir}/`) || line.includes(`${lab.runDir}/`)),
    files: [lab.stateFile, ...files].map(
      (file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`,
    ),
  };
}

/** Everything on the machine that bears the name of one of these labs. */
export async function namedAfter(...labs: string[]): Promise<string[]> {
  const { things } = await machine((other) => !labs.includes(other));
  return [...things].filter((thing) => labs.some((name) => thing.includes(name)));
}

/** What the machine itself has in the folders that nodes have folders of their own for: nothing of a lab may land there. */
export const inHostFolders = (): string[] =>
  [...MOUNT_POINTS, '/run/containerd', '/run/cni'].flatMap((dir) => list(dir).map((file) => join(dir, file)));

const list = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);
