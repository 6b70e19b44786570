/** The lab as tests see it: opened by PODWIRE_TEST_LAB, podwire running, a namespace of their own, pods within a second or two. */
import { after, before } from 'node:test';
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { rmSync } from 'node:fs';
import {
  apply,
  podManifest,
  podwireEvents,
  waitRunning,
  type PodOptions,
  type SeenEvent,
} from '../../deploy/demo/cluster.ts';
import { linkText, podLink, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import {
  allowWorkers,
  installation,
  installPodwire,
  provideImages,
  takeWorkerAway,
  uninstallPodwire,
  waitUntilServing,
} from '../../deploy/lab/installed.ts';
import { kubectl, openLab, silentProgress, stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { failpointsFile, nodePart, podwireParts, startPodwire, stopPodwire } from '../../deploy/lab/podwire.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';

export { waitFor };

export interface LabTest {
  readonly lab: Lab;
  /** Namespace of this test file. */
  readonly namespace: string;
  pod(name: string): PodRef;
  /** Nodes in turn: 0, 1, 2, 0, … */
  node(index: number): string;
  /** Creates pods at once and waits until all run. */
  createPods(pods: readonly (Omit<PodOptions, 'image'> & { name: string })[]): Promise<PodRef[]>;
  /** Runs a program in a pod, as `kubectl exec` does. @throws Error with what it said */
  exec(pod: PodRef, words: readonly string[]): Promise<string>;
  /** Deletes pods and waits until they are gone from the API. */
  deletePods(pods: readonly PodRef[]): Promise<void>;
}

/** The lab that the runner made. @throws Error when there is none: without it, lab tests fail rather than pass unseen */
export async function openTestLab(): Promise<Lab> {
  const name = process.env['PODWIRE_TEST_LAB'];
  if (name === undefined || name === '') {
    throw new Error('PODWIRE_TEST_LAB names no lab; run these tests with: npm test, or set it to a lab that is up');
  }
  return openLab(name);
}

/** How podwire runs: as pods from its manifests, or as processes of the host, for tests that hold or kill it at a failpoint. */
type Mode = 'manifests' | 'host';

/** The runner says it for each group of tests. */
const MODE: Mode = process.env['PODWIRE_TEST_MODE'] === 'host' ? 'host' : 'manifests';

/**
 * Starts what of podwire does not run, with the lab's settings and these, without failpoints of an earlier test. What runs otherwise
 * (as processes instead of pods, with other settings) is replaced.
 */
export async function ensurePodwire(lab: Lab, settings: Readonly<Record<string, string>> = {}): Promise<void> {
  if (MODE === 'manifests') return ensureInstalled(lab, settings);
  await uninstallPodwire(lab);
  for (const part of podwireParts(lab)) rmSync(failpointsFile(lab, part.name), { force: true });
  await startPodwire(lab, { env: settings });
}

/** Ends the worker of a node; it comes back with `ensurePodwire`. */
export async function endWorker(lab: Lab, node: string): Promise<void> {
  if (MODE === 'manifests') await takeWorkerAway(lab, node);
  else await stopPart(lab, nodePart(node));
}

async function ensureInstalled(lab: Lab, settings: Readonly<Record<string, string>>): Promise<void> {
  await stopPodwire(lab);
  const wanted = { overlay: 'existing', settings } as const;
  await allowWorkers(lab);
  if (isDeepStrictEqual(installation(lab), wanted)) return waitUntilServing(lab);
  if (installation(lab) === undefined) await provideImages(lab, wanted.overlay, silentProgress);
  await installPodwire(lab, wanted);
}

/**
 * Registers set-up and tear-down of a test file. The value is filled before the first test runs.
 *
 * @param label part of the namespace's name
 * @param namespace its whole name, when that decides about something
 * @param settings of podwire while the file runs, over the lab's
 */
export function labTest(
  label: string,
  namespace = `${label}-${randomUUID().slice(0, 6)}`,
  settings: Readonly<Record<string, string>> = {},
): LabTest {
  let opened: Lab | undefined;
  const lab = (): Lab => {
    if (opened === undefined) throw new Error('the lab is opened before the first test, not while tests are declared');
    return opened;
  };
  before(async () => {
    opened = await openTestLab();
    await ensurePodwire(opened, settings);
    await makeNamespace(opened, namespace);
  });
  after(async () => {
    if (opened === undefined) return;
    await ensurePodwire(opened);
    await removeNamespace(opened, namespace);
  });
  return {
    get lab() {
      return lab();
    },
    namespace,
    pod: (name) => ({ namespace, name }),
    node: (index) => lab().nodes[index % lab().nodes.length]?.name ?? '',
    createPods: async (pods) => {
      const refs = pods.map(({ name }) => ({ namespace, name }));
      await apply(
        lab(),
        pods.map((pod) => podManifest({ namespace, name: pod.name }, { ...pod, image: lab().testImage })),
      );
      await waitRunning(lab(), refs);
      return refs;
    },
    exec: (pod, words) => kubectl(lab(), ['-n', pod.namespace, 'exec', pod.name, '--', ...words]),
    deletePods: (pods) => deletePods(lab(), pods),
  };
}

/** A namespace whose pods can be created at once: its service account exists. */
export async function makeNamespace(lab: Lab, namespace: string): Promise<void> {
  // One of the same name may still be on its way out.
  await waitFor(`namespace ${namespace}`, async () => kubectl(lab, ['create', 'namespace', namespace]), {
    limitMs: 30_000,
    everyMs: 500,
  });
  await waitFor(
    `service account of namespace ${namespace}`,
    async () => kubectl(lab, ['-n', namespace, 'get', 'serviceaccount', 'default', '-o', 'name']),
    { limitMs: 20_000, everyMs: 100 },
  );
}

/** Deletes a namespace and waits until its pods are gone. */
export async function removeNamespace(lab: Lab, namespace: string): Promise<void> {
  await kubectl(lab, ['-n', namespace, 'delete', 'pods', '--all', '--grace-period=1', '--timeout=60s'], {
    timeoutMs: 70_000,
  });
  await kubectl(lab, ['delete', 'namespace', namespace, '--wait=false']);
}

export async function deletePods(lab: Lab, pods: readonly PodRef[]): Promise<void> {
  const namespaces = new Set(pods.map((pod) => pod.namespace));
  for (const namespace of namespaces) {
    const names = pods.filter((pod) => pod.namespace === namespace).map((pod) => pod.name);
    await kubectl(
      lab,
      ['-n', namespace, 'delete', 'pod', '--ignore-not-found', '--grace-period=1', '--timeout=60s', ...names],
      { timeoutMs: 70_000 },
    );
  }
}

/** Waits for an event of podwire about a pod. @throws Error listing the events there are */
export async function waitEvent(
  lab: Lab,
  pod: PodRef,
  reason: string,
  pattern: RegExp,
  limitMs = 15_000,
): Promise<SeenEvent> {
  let seen: SeenEvent[] = [];
  try {
    return await waitFor(
      `event ${reason} on ${pod.namespace}/${pod.name} that matches ${String(pattern)}`,
      async () => {
        seen = await podwireEvents(lab, pod);
        return seen.find((event) => event.reason === reason && pattern.test(event.message));
      },
      { limitMs },
    );
  } catch (error) {
    const list = seen.map((event) => `${event.type} ${event.reason}: ${event.message}`).join('\n  ');
    throw new Error(`${(error as Error).message}; there are:\n  ${list}`, { cause: error });
  }
}

/**
 * Waits until a link of a pod is as wished; a network namespace made anew meanwhile is followed.
 *
 * @param wished gets undefined when there is no link of that name
 * @throws Error saying how the link was last seen
 */
export async function waitLink(
  lab: Lab,
  pod: PodRef,
  name: string,
  desired: (link: SeenLink | undefined) => boolean,
  limitMs = 15_000,
): Promise<SeenLink | undefined> {
  let last = 'not looked at';
  try {
    const { link } = await waitFor(
      `${name} of ${pod.name} to be as wished`,
      async () => {
        const link = await podLink(lab, pod, name);
        last = link === undefined ? 'absent' : linkText(link);
        return desired(link) ? { link } : undefined;
      },
      { limitMs, everyMs: 100 },
    );
    return link;
  } catch (error) {
    throw new Error(`${(error as Error).message}; last seen: ${last}`, { cause: error });
  }
}
