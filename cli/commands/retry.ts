/** `podwire retry`: another attempt now, for one pod, also one that was refused and has no open run, or for all that are stuck. */
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import type { Values } from '../../config/cli-flags.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { PodwireError } from '../../domain/failures.ts';
import { podWorkflowId, RETRY_NOW } from '../../domain/messages.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { eachOnce, podsInEtcd, type KnownPod } from '../known-pods.ts';
import { apiSettings } from '../kube-api.ts';
import { livePod } from '../live-pod.ts';
import { podArgument, podText, type PodName } from '../pod-argument.ts';
import { addOutput, printDone, type OutputOption } from '../output.ts';
import { tell, warn } from '../tell.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = { ...temporalSettings, ...etcdSettings, ...apiSettings };
type Settings = Values<typeof table>;

interface RetryOptions extends OutputOption {
  readonly allStuck?: boolean;
}

/** A run that has the signal. */
export interface Retried {
  readonly pod: string;
  readonly uid: string;
  readonly workflowId: string;
  /** There was no open run; this one was started for it. */
  readonly started: boolean;
}
/** Told of each as it is done. */
type Tell = (retried: Retried) => void;

/** Signals under way at once. */
const AT_ONCE = 16;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('retry')
    .description(
      'Makes a pod try again at once (signal retryNow), also what was refused. Exit code 1 when there is nothing to retry.',
    )
    .argument('[namespace/pod]', 'one pod, whatever its state; without an open run it gets one')
    .option('--all-stuck', 'every open run whose ProvisioningState is Stuck');
  addSettings(addOutput(command), table).action(retry);
}

async function retry(pod: string | undefined, options: RetryOptions, command: Command): Promise<void> {
  const all = options.allStuck === true;
  if ((pod === undefined) !== all) throw new UsageError('give either NAMESPACE/POD or --all-stuck');
  const name = pod === undefined ? undefined : podArgument(pod);
  const settings = settingsOf(command, table);
  await withTemporal(settings, async (client) => {
    const retried: Retried[] = [];
    const told: Tell = (one) => {
      retried.push(one);
      // People see each when it is done; programs get all at once.
      if (options.output === 'text') process.stdout.write(retriedText(one));
    };
    await printDone(retried, options, () =>
      name === undefined ? retryStuck(client, told) : retryPod(client, settings, name, told),
    );
    if (retried.length === 0) tell(nothingText(name, settings));
  });
}

/** @throws PodwireError `TemporalUnavailable`, after those have been told of that took the signal at the same time */
export async function retryStuck(client: Client, told: Tell): Promise<void> {
  const { findOpenRuns, signalRetryNow } = await import('../pod-runs.ts');
  const runs = await findOpenRuns(client, { state: 'Stuck' });
  for (let start = 0; start < runs.length; start += AT_ONCE) {
    const batch = runs.slice(start, start + AT_ONCE);
    const outcomes = await Promise.allSettled(batch.map((run) => signalRetryNow(client, run)));
    for (const [index, run] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === 'fulfilled' && outcome.value) told(retriedOf(run.pod, false));
    }
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** A name may have been several pods': one that is gone and not yet cleaned up is retried, too. */
async function retryPod(client: Client, settings: Settings, name: PodName, told: Tell): Promise<void> {
  const [{ findOpenRuns, RETRY_REQUEST, signalRetryNow }, { signalPod }] = await Promise.all([
    import('../pod-runs.ts'),
    import('../../adapters/temporal/pod-starter.ts'),
  ]);
  const open = (await findOpenRuns(client, name)).map((run) => run.pod);
  const { known, failures } = await lookUp(settings, name);
  const pods = eachOnce([...open, ...known]);
  for (const pod of pods) {
    const taken = await signalRetryNow(client, { workflowId: podWorkflowId(pod) });
    if (!taken) await signalPod(client, pod, RETRY_NOW, RETRY_REQUEST);
    told(retriedOf(pod, !taken));
  }
  const [first] = failures;
  if (first !== undefined && pods.length === 0) throw first;
  for (const { message } of failures) warn(message);
}

interface Found {
  readonly known: readonly KnownPod[];
  readonly failures: readonly PodwireError[];
}

/** A pod whose run waits for etcd or the API is to be retried all the same: what does not answer is told afterwards. */
async function lookUp(settings: Settings, name: PodName): Promise<Found> {
  const { kubeconfig } = settings;
  const known: KnownPod[] = [];
  const failures: PodwireError[] = [];
  const places = [
    () => withEtcd(settings, (etcd) => podsInEtcd(etcd, name, warn)),
    async () => {
      const pod = kubeconfig === undefined ? undefined : await livePod(settings, name);
      return pod === undefined ? [] : [{ ...name, uid: pod.uid, nodeName: pod.nodeName }];
    },
  ];
  for (const look of places) {
    try {
      known.push(...(await look()));
    } catch (error) {
      if (!(error instanceof PodwireError)) throw error;
      failures.push(error);
    }
  }
  return { known, failures };
}

const retriedOf = (pod: PodIdentity, started: boolean): Retried => ({
  ...{ pod: podText(pod), uid: pod.uid, workflowId: podWorkflowId(pod), started },
});

/** For people. */
export const retriedText = ({ pod, workflowId, started }: Retried): string =>
  `retryNow → ${pod} (${workflowId})${started ? ', a new run: it had no open one' : ''}\n`;

function nothingText(pod: PodName | undefined, { kubeconfig }: Settings): string {
  if (pod === undefined) return 'no open run is stuck';
  const nothing = `${podText(pod)} has no open run, and podwire's etcd has nothing of it`;
  return kubeconfig === undefined
    ? `${nothing}; if there is such a pod, give --kubeconfig (PODWIRE_KUBECONFIG) so that it can be found`
    : `${nothing}; the Kubernetes API has no such pod either`;
}
