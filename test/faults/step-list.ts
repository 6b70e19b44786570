/** The crash points, made from the lists of activities and from the inner points that the node's activities name in their source. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ControlSteps } from '../../activities/control/control-contract.ts';
import type { NodeActivities } from '../../activities/network/network-contract.ts';
import type { SandboxActivities } from '../../activities/primary/sandbox-contract.ts';

/**
 * What has to be done so that a step runs. `refuse`: an attach that the kernel refuses, undone; `retry`: the same, allowed now, after
 * `retryNow`; `fail`: an attach whose first try fails; `gone`: a pod ends and its node never comes back.
 */
export type Act = 'attach' | 'detach' | 'refuse' | 'retry' | 'fail' | 'gone';

/** A step that is missing here, or gone, does not compile. */
const NODE_STEPS: Record<keyof NodeActivities, readonly Act[]> = {
  lookupSandbox: ['attach'],
  ensureVxlanLink: ['attach'],
  deleteVxlanLink: ['detach'],
  // Not in this bench, whose pods have VXLAN networks only: see cniPoints.
  cniAdd: [],
  cniDelete: [],
  takeOverForeign: [],
  syncFdb: ['attach', 'detach'],
  // Pods without agent containers have no gate; a look changes nothing.
  openGate: [],
  lookIntoPod: [],
};

const CONTROL_STEPS: Record<keyof ControlSteps, readonly Act[]> = {
  observePod: ['attach', 'detach'],
  recordIntent: ['attach'],
  // An edit of what is attached; this bench makes none. Interrupted in test/workflows/edit.test.ts, run twice in test/etcd.
  takeBackIntent: [],
  recordResult: ['attach'],
  beginRemoval: ['detach', 'refuse'],
  leaveMesh: ['gone'],
  forgetAttachment: ['detach', 'refuse'],
  publishStatus: ['attach', 'detach'],
  // With the last status; by itself only behind a gate, which this bench's pods do not have.
  writeMark: [],
  listMeshNodes: ['attach', 'detach'],
  recordMesh: ['attach', 'detach'],
  recordRefusal: ['refuse'],
  clearRefusals: ['retry'],
  recordFailure: ['fail'],
  readNode: ['gone'],
  entombAttachment: ['gone'],
};

export interface CrashPoint {
  /** As the failpoints name it. */
  readonly point: string;
  readonly act: Act;
}

/** Crash points of a node worker, every act that runs them; `once`: only the first act of each. */
export const nodePoints = (once: boolean): CrashPoint[] => [
  ...aroundSteps(NODE_STEPS, once),
  ...innerPoints()
    .filter((point) => !isOfCalls(point))
    .flatMap((point) => {
      const acts = NODE_STEPS[point.split(':')[0] as keyof NodeActivities];
      return (once ? acts.slice(0, 1) : acts).map((act) => ({ point, act }));
    }),
];

/** Of the container runtime's calls, which are no activities. */
const isOfCalls = (point: string): boolean => /^(coldPlug|primary):/.test(point);

/** Crash points of a node worker in the calls of a chained plugin. */
export const coldPlugPoints = (): string[] => innerPoints().filter((point) => point.startsWith('coldPlug:'));

const SANDBOX_STEPS: Record<keyof SandboxActivities, readonly Act[]> = {
  recordSandbox: ['attach'],
  verifySandbox: ['attach'],
  endSandbox: ['detach'],
};

/** Crash points of a node worker whose pods' network is podwire: of the calls, and of the runs of sandboxes. */
export const primaryPoints = (): string[] => [
  ...innerPoints('primary'),
  ...aroundSteps(SANDBOX_STEPS, true).map(({ point }) => point),
];

/** With one CNI network: `fail` is an attach whose plugin does half of its work at its first try. */
export type CniAct = 'attach' | 'detach' | 'fail';

export interface CniCrashPoint {
  readonly point: string;
  readonly act: CniAct;
}

/** Crash points of the two steps that execute CNI plugins; what an ADD does after a failure comes only with one. */
export const cniPoints = (): CniCrashPoint[] => [
  ...aroundSteps({ cniAdd: ['attach'], cniDelete: ['detach'] }, true).map(({ point, act }) => ({
    point,
    act: act === 'detach' ? act : ('attach' as const),
  })),
  ...innerPoints()
    .filter((point) => point.startsWith('cni'))
    .map((point) => ({ point, act: actOf(point) })),
];

function actOf(point: string): CniAct {
  if (point.startsWith('cniDelete:')) return 'detach';
  return /-(failure|undo)$/.test(point) ? 'fail' : 'attach';
}

/** Crash points of an orchestrator worker. */
export const controlPoints = (once: boolean): CrashPoint[] => aroundSteps(CONTROL_STEPS, once);

function aroundSteps(steps: Readonly<Record<string, readonly Act[]>>, once: boolean): CrashPoint[] {
  return Object.entries(steps).flatMap(([step, acts]) =>
    (once ? acts.slice(0, 1) : acts).flatMap((act) => [
      { point: `${step}:before`, act },
      { point: `${step}:after`, act },
    ]),
  );
}

/** Named in the source as `failpoints.hit('<activity>:<where>')`. */
function innerPoints(part = 'network'): string[] {
  const folder = fileURLToPath(new URL(`../../activities/${part}/`, import.meta.url));
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(folder + file, 'utf8'));
  const found = sources.flatMap((text) => [...text.matchAll(/failpoints\.hit\('([A-Za-z]+:[a-z-]+)'\)/g)]);
  return found.map((match) => match[1] ?? '');
}
