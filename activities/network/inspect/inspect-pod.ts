/** Answers questions about a pod's links with what iproute2 prints; changes nothing. */
import { PodwireError } from '../../../domain/failures.ts';
import type { InspectInput, InspectResult } from '../../../domain/ports/inspect-pod.ts';
import type { LinkDeps } from '../deps.ts';

const MAX_QUESTIONS = 64;

export async function lookIntoPod(
  deps: Pick<LinkDeps, 'netnsResolver' | 'kernel'>,
  input: InspectInput,
  signal: AbortSignal,
): Promise<InspectResult> {
  if (input.questions.length > MAX_QUESTIONS) {
    throw new PodwireError('InvalidLink', `${input.questions.length} questions at once; allowed: ${MAX_QUESTIONS}`);
  }
  const netns = await deps.netnsResolver.openToInspect(input, signal);
  try {
    return { answers: await deps.kernel.print(netns, input.questions) };
  } finally {
    await netns.close();
  }
}
