/** What of a process's environment says whether it records traces. */
import type { Logger } from '../log/logger.ts';
import { NO_TRACING, type Tracing } from './tracing.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether to record; `why`: somebody who wants to has said something that is not supported. */
export function tracesWanted(env: Environment): { readonly on: boolean; readonly why?: string } {
  const said = (name: string): string => env[name] ?? '';
  const exporter = said('OTEL_TRACES_EXPORTER');
  const endpoint = said('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || said('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (said('OTEL_SDK_DISABLED').toLowerCase() === 'true' || exporter === 'none') return { on: false };
  if (exporter === '' && endpoint === '') return { on: false };
  if (exporter !== '' && exporter !== 'otlp')
    return { on: false, why: `OTEL_TRACES_EXPORTER is ${JSON.stringify(exporter)}; allowed: otlp, none` };
  const protocol = said('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || said('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol !== '' && protocol !== 'http/protobuf')
    return { on: false, why: `OTEL_EXPORTER_OTLP_PROTOCOL is ${JSON.stringify(protocol)}; allowed: http/protobuf` };
  return { on: true };
}

/**
 * @param component name of the part; `podwire-` and it is the service, unless `OTEL_SERVICE_NAME` says another
 * @param version podwire's
 */
export async function createTracing(
  component: string,
  version: string,
  env: Environment,
  log: Logger,
): Promise<Tracing> {
  const { on, why } = tracesWanted(env);
  // Networks are worth more than traces: a wrong setting is told, and nothing stops for it.
  if (why !== undefined) log.warn({ why }, 'no traces are recorded');
  if (!on) return NO_TRACING;
  const { recordTraces } = await import('./otlp.ts');
  return recordTraces(component, version, log);
}
