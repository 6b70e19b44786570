/** Looks into a pod of this node, for people. The container runtime alone says which namespace that is; records are not needed. */
import { PodwireError } from '../../domain/failures.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { LinkPrinter } from '../../domain/ports/link-printer.ts';
import type { LookInput, LookResult } from '../../domain/ports/pod-look.ts';
import { newestReady, type SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import { hostNetwork } from './sandbox-netns.ts';

export interface LookDeps {
  readonly runtime: SandboxRuntime;
  readonly kernel: Pick<LinkKernel, 'open'>;
  readonly printer: LinkPrinter;
}

const MAX_QUESTIONS = 64;

export async function lookIntoPod(deps: LookDeps, input: LookInput, signal: AbortSignal): Promise<LookResult> {
  const { podUid, namespace, name, questions } = input;
  if (questions.length > MAX_QUESTIONS) {
    throw new PodwireError(
      'InvalidLink',
      `${questions.length} questions about one pod; allowed: at most ${MAX_QUESTIONS}`,
    );
  }
  const newest = newestReady(await deps.runtime.listReady(podUid));
  const sandbox = newest === undefined ? undefined : await deps.runtime.describe(newest.id);
  if (sandbox?.hostNetwork === true) throw hostNetwork(sandbox);
  if (sandbox?.netnsPath === undefined) {
    throw new PodwireError('SandboxGone', `pod ${namespace}/${name} has no Ready sandbox on this node`);
  }
  const netns = await deps.kernel.open(sandbox.netnsPath, signal);
  try {
    return { answers: await deps.printer.print(netns, questions) };
  } finally {
    await netns.close();
  }
}
