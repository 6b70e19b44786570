/** `podwire explain`: what one pod lacks and why, in one look. */
import type { Command } from 'commander';
import { z } from 'zod';
import type { Values } from '../../config/cli-flags.ts';
import { dialectOf, dialectSettings } from '../../config/common.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { PodwireError } from '../../domain/failures.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import type { Explanation, Sources } from '../explain/gather.ts';
import { apiSettings, openApi } from '../kube-api.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { podArgument, podText, type PodName } from '../pod-argument.ts';
import { tell } from '../tell.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = {
  ...{ ...temporalSettings, ...etcdSettings, ...apiSettings, ...dialectSettings },
  temporalUi: {
    flag: 'temporal-ui',
    env: 'PODWIRE_TEMPORAL_UI',
    schema: z.url().optional(),
    help: "address of Temporal's UI, for links to runs: http://localhost:8233",
  },
} as const;
type Settings = Values<typeof table>;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('explain')
    .description(
      'What a pod asks for, what is recorded and what its kernel has, side by side; what is in the way and when it is tried next. Exit code 1: there is no such pod, or not everybody answered.',
    )
    .argument('<namespace/pod>', 'the pod; needs the Kubernetes API (--kubeconfig, KUBECONFIG, ~/.kube/config)');
  addSettings(addOutput(command), table).action(explain);
}

async function explain(pod: string, output: OutputOption, command: Command): Promise<void> {
  const name = podArgument(pod);
  const settings = settingsOf(command, table);
  const explanation = await explained(settings, name);
  if (explanation === undefined) return tell(`the Kubernetes API has no pod ${podText(name)}`);
  await print(explanation, output, async () => {
    const { explanationText } = await import('../explain/render.ts');
    const { temporalUi: url, temporalNamespace: namespace } = settings;
    return explanationText(explanation, url === undefined ? undefined : { url, namespace }, Date.now());
  });
}

async function explained(settings: Settings, name: PodName): Promise<Explanation | undefined> {
  const { gather } = await import('../explain/gather.ts');
  const kube = await openApi(settings);
  const work = (temporal: Sources['temporal']): Promise<Explanation | undefined> =>
    withEtcd(settings, (etcd) => gather({ kube, etcd, settings: dialectOf(settings), temporal, warn: tell }, name));
  try {
    return await withTemporal(settings, work);
  } catch (error) {
    if (!(error instanceof PodwireError && error.code === 'TemporalUnavailable')) throw error;
    tell(error.message);
    return await work(undefined);
  } finally {
    kube.close();
  }
}
