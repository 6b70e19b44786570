/** An explanation as people read it. */
import { ageText } from '../text-table.ts';
import type { ExplainedInterface } from '../../domain/explain/explanation.ts';
import type { Explanation } from './gather.ts';

/** @param ui address of Temporal's UI and its namespace; undefined: no link is shown. @param now milliseconds since the epoch */
export function explanationText(explanation: Explanation, ui: TemporalUi | undefined, now: number): string {
  const { pod, node, state, run, reasons, interfaces } = explanation;
  const since = run === undefined ? '' : ` since ${ageText(new Date(run.since), now)}`;
  const heading = `pod ${pod} on ${node === '' ? 'no node' : `node ${node}`}: ${state}${since}\n`;
  const paragraphs = [
    ...(run === undefined ? [] : [`run ${run.workflowId}\n${linkText(run, ui)}`]),
    ...(reasons.length === 0 ? [] : [`what is in the way\n${reasons.map((reason) => `  ${reason}\n`).join('')}`]),
    ...interfaces.map(interfaceText),
    verdict(explanation),
  ];
  return [heading, ...paragraphs].filter((text) => text !== '').join('\n');
}

export interface TemporalUi {
  readonly url: string;
  readonly namespace: string;
}

function linkText({ workflowId, runId }: NonNullable<Explanation['run']>, ui: TemporalUi | undefined): string {
  if (ui === undefined) return `  temporal workflow show -w ${workflowId}\n`;
  const path = ['namespaces', ui.namespace, 'workflows', workflowId, runId, 'history']
    .map(encodeURIComponent)
    .join('/');
  return `  ${ui.url.replace(/\/+$/, '')}/${path}\n`;
}

function interfaceText(found: ExplainedInterface): string {
  const { step, problem, attempt, nextTryInSeconds } = found;
  const next = nextTryInSeconds === undefined ? '' : `, next in ${nextTryInSeconds} s`;
  const rows = [
    ['desired', found.desired],
    ['recorded', found.recorded],
    ['in the kernel', found.actual],
    ...(step === undefined ? [] : [['step', `${step}${attempt === undefined ? '' : `, try ${attempt}`}${next}`]]),
    ...(problem === undefined ? [] : [['problem', problem]]),
  ];
  const lines = rows.map(([title = '', text]) => `  ${title.padEnd(13)}  ${text === '' ? '-' : text}\n`);
  return `${found.interface} (network ${found.network}): ${found.isSettled ? 'as it should be' : 'NOT as it should be'}\n${lines.join('')}`;
}

function verdict({ pod, interfaces }: Explanation): string {
  const open = interfaces.filter(({ isSettled }) => !isSettled);
  if (open.length > 0)
    return `${open.length} of ${interfaces.length} are not as they should be. Another try at once: podwire retry ${pod}\n`;
  return interfaces.length > 0 ? 'all is as it should be\n' : '';
}
