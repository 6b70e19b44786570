/** Programs that are started for a change that is traced: a span for each, of which the program itself is told. */
import { basename } from 'node:path';
import { currentTrace, currentTraceText, type Tracing } from '../tracing/tracing.ts';
import type { Run } from './child.ts';

/**
 * The variable is W3C's by custom: what CNI plugins with OpenTelemetry read. Without a trace nothing is added.
 * @param run what starts the programs
 */
export const tracedRun =
  (run: Run, tracing: Tracing): Run =>
  (options) => {
    if (!tracing.isOn || currentTrace() === undefined) return run(options);
    const { CNI_COMMAND: command, CNI_IFNAME: interfaceName } = options.env ?? {};
    const program = basename(options.file);
    const attributes = { 'podwire.program': program, 'podwire.interfaceName': interfaceName };
    const name = command === undefined ? `launch ${program}` : `launch ${program} ${command}`;
    return tracing.span(name, { kind: 'client', attributes }, () =>
      run({ ...options, env: { ...options.env, TRACEPARENT: currentTraceText() ?? '' } }),
    );
  };
