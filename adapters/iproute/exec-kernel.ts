/** The kernel behind a pod's agent container: iproute2 of its image, run through the Pod Exec API. */
import { PodwireError } from '../../domain/failures.ts';
import type { AgentKernel, AgentTarget } from '../../domain/ports/agent-kernel.ts';
import type { OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { ExecOptions, ExecResult, PodExec } from '../kubernetes/pod-exec.ts';
import { notStarted, type RunResult } from '../process/child.ts';
import { createNetnsKernel, type InsideCall } from './kernel.ts';

/** What kubelet and container runtimes say of one that ended between the look at it and the call. */
const CONTAINER_ENDED = /container not found|container is not running|CONTAINER_EXITED|cannot exec in a stopped/i;
const MAX_OUTPUT = 16 * 1024 * 1024;

interface OpenAgent extends OpenNetns {
  readonly agent: AgentTarget;
}

/**
 * @param timeoutMs of one command, when it is not shorter anyway
 * @throws (its methods) PodwireError ExecUnavailable when the API lets nobody in, besides what `NetnsKernel` says
 */
export function createExecKernel(exec: PodExec, timeoutMs: number): AgentKernel {
  /** Servers before Kubernetes 1.30 cannot close standard input: then each line is a program of its own. */
  let lineByLine = false;

  const run = async (agent: AgentTarget, argv: readonly string[], options: Partial<ExecOptions>): Promise<ExecResult> =>
    exec.run(agent, argv, { timeoutMs, signal: agent.signal, maxOutputBytes: MAX_OUTPUT, ...options });

  const single = async (agent: AgentTarget, argv: readonly string[]): Promise<RunResult> => {
    await agent.verify();
    return ranOrThrow(agent, await run(agent, argv, {}));
  };

  const batch = async (agent: AgentTarget, call: InsideCall, lines: readonly string[]): Promise<RunResult> => {
    if (!lineByLine) {
      const input = `${lines.join('\n')}\n`;
      const argv = [call.program, ...call.args];
      const outcome = await run(agent, argv, { input, beforeInput: agent.verify });
      if (outcome.kind !== 'no-input') return ranOrThrow(agent, outcome);
      lineByLine = true;
    }
    return asBatch(lines, call, (argv) => single(agent, argv));
  };

  const kernel = createNetnsKernel((netns, call) => {
    const { agent } = netns as OpenAgent;
    return call.lines === undefined ? single(agent, [call.program, ...call.args]) : batch(agent, call, call.lines);
  });
  return {
    ...kernel,
    openAgent: (agent): OpenAgent => ({ agent, close: async () => undefined }),
    runInAgent: async (agent, argv) => {
      try {
        const { code, stderr } = await single(agent, argv);
        return { code, stderr };
      } catch (error) {
        if (error instanceof PodwireError && error.code === 'SandboxChanged') return { code: undefined, stderr: '' };
        throw error;
      }
    },
  };
}

function ranOrThrow(agent: AgentTarget, outcome: ExecResult): RunResult {
  if (outcome.kind === 'ran') {
    const { code, stderr } = outcome.result;
    if (code === undefined && CONTAINER_ENDED.test(stderr)) {
      throw new PodwireError('SandboxChanged', `${agent.container} of pod ${agent.namespace}/${agent.pod} has ended`);
    }
    return outcome.result;
  }
  const what = `exec in container ${agent.container} of pod ${agent.namespace}/${agent.pod}`;
  if (outcome.kind === 'no-input')
    throw new PodwireError('ExecUnavailable', `${what}: standard input cannot be closed`);
  const { status, reason } = outcome;
  const hint = status === 403 ? '; the orchestrator needs create and get on pods/exec' : '';
  throw new PodwireError('ExecUnavailable', `${what} was refused: ${reason.slice(0, 200)}${hint}`);
}

/** Runs lines one by one and reports as `-batch -` does. */
async function asBatch(
  lines: readonly string[],
  call: InsideCall,
  run: (argv: readonly string[]) => Promise<RunResult>,
): Promise<RunResult> {
  const options = call.args.filter((arg) => arg !== '-batch' && arg !== '-' && arg !== '-force');
  const goOn = call.args.includes('-force');
  let all = { ...notStarted(''), code: 0 as number | undefined };
  for (const [index, line] of lines.entries()) {
    const words = line.split(' ').map((word) => (word === '""' ? '' : word));
    const result = await run([call.program, ...options, ...words]);
    const failed = result.code === undefined || result.code === 0 ? '' : `Command failed -:${index + 1}\n`;
    all = {
      ...result,
      code: result.code === 0 ? all.code : result.code,
      stdout: `${all.stdout}${result.stdout}`,
      stderr: `${all.stderr}${result.stderr === '' ? '' : `${result.stderr.trimEnd()}\n`}${failed}`,
    };
    if (result.code === undefined || (result.code !== 0 && !goOn)) break;
  }
  return all;
}
