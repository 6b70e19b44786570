/** What a container runtime answers, checked. */
import type { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';

/**
 * The value itself stays out of the message: the runtime's JSON holds the pod's annotations and environment.
 * @throws PodwireError CriUnavailable
 */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PodwireError(
    'CriUnavailable',
    `container runtime answered ${what} in another form: ${issue?.path.join('.') ?? ''} ${issue?.code ?? ''}; containerd 1.6 or newer is needed`,
  );
}
