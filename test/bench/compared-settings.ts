/** Settings that a bench compares: given with its options, told to all of podwire's parts, and asked back of the orchestrator that was measured. */
import { Option, type Command } from 'commander';
import { ORCHESTRATOR_PART } from '../../deploy/lab/podwire.ts';
import type { MeasuredPodwire } from './measured-podwire.ts';

/** Environment of podwire's parts. */
export type Compared = Readonly<Record<string, string>>;

export interface ComparedFlags {
  readonly sdkTuning: string;
  readonly workflowSlots: string;
  /** Where traces go to; absent: they are off. */
  readonly traces?: string;
}

const LINES = 2_000;

export function withComparedOptions(program: Command): Command {
  return program
    .addOption(
      new Option('--sdk-tuning <how>', 'setting of the orchestrators (ADR 8, 17)')
        .choices(['on', 'off'])
        .default('off'),
    )
    .addOption(
      new Option('--workflow-slots <whose>', 'slots for workflow tasks: those of ADR 15, or as many of the SDK')
        .choices(['link-first', 'fixed'])
        .default('link-first'),
    )
    .option('--traces <url>', 'record traces, and send them by OTLP to this address, which all parts reach');
}

export const comparedOf = ({ sdkTuning, workflowSlots, traces }: ComparedFlags): Compared => ({
  PODWIRE_SDK_TUNING: sdkTuning,
  PODWIRE_WORKFLOW_SLOTS: workflowSlots,
  ...(traces === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: traces }),
});

export const askedLine = (asked: Compared): string =>
  `settings: sdk-tuning ${asked['PODWIRE_SDK_TUNING']}, workflow-slots ${asked['PODWIRE_WORKFLOW_SLOTS']}, traces ${asked['OTEL_EXPORTER_OTLP_ENDPOINT'] === undefined ? 'off' : 'on'}`;

/** The same with what the orchestrator says in its log that it does: with a tuning that it refused, the other way is measured. */
export function comparedLine(podwire: Pick<MeasuredPodwire, 'compared' | 'logLines'>): string {
  const serving = podwire.logLines(ORCHESTRATOR_PART, LINES).findLast((line) => line.includes('"sdkTuned":'));
  const tuned = /"sdkTuned":(true|false)/.exec(serving ?? '')?.[1];
  const does = tuned === undefined ? 'says nothing of it' : tuned === 'true' ? 'is tuned' : 'is not tuned';
  return `${askedLine(podwire.compared)}; the orchestrator ${does}`;
}
