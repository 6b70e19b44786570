/** Connections of one inspecting command, and its exit code: 1 when somebody did not answer. */
import type { Command } from 'commander';
import { dialectOf, dialectSettings } from '../../config/common.ts';
import { temporalSettings } from '../../config/temporal.ts';
import type { DialectSettings } from '../../domain/settings.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings, openApi } from '../kube-api.ts';
import { tell } from '../tell.ts';
import { withTemporal } from '../with-temporal.ts';
import { inspectPods, podsWithNetworks, type Asked, type PodWithNetworks, type Said } from './members.ts';

const table = { ...apiSettings, ...temporalSettings, ...dialectSettings };

/** Adds the flags that `inspecting` reads. */
export const addInspectSettings = (command: Command): Command => addSettings(command, table);

export interface Inspection {
  readonly pods: readonly PodWithNetworks[];
  readonly settings: DialectSettings;
  /** Looks into pods; Temporal is not needed when there is nothing to ask. */
  readonly look: (asked: readonly Asked[]) => Promise<Said>;
}

export async function inspecting(command: Command, work: (inspection: Inspection) => Promise<void>): Promise<void> {
  const values = settingsOf(command, table);
  const settings = dialectOf(values);
  const client = await openApi(values);
  const stopping = new AbortController();
  try {
    const pods = await podsWithNetworks(client, settings, stopping.signal);
    await work({
      pods,
      settings,
      look: async (asked) => {
        if (!asked.some(({ questions }) => questions.length > 0)) return () => '';
        const { inspectAt } = await import('../../adapters/temporal/inspections.ts');
        return withTemporal(values, (temporal) =>
          inspectPods(asked, settings, (target, group) => inspectAt(temporal, target, group), tell),
        );
      },
    });
  } finally {
    client.close();
  }
}
