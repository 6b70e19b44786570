/** `PrimaryRuns`: how a node tells the runs of its sandboxes (ADR 56). */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { SEARCH_NAMESPACE, SEARCH_NODE } from '../../domain/messages.ts';
import type { PrimaryRuns } from '../../domain/ports/sandbox-duties.ts';
import {
  BEFORE_REMOVAL,
  POD_SANDBOX,
  SANDBOX_ADDED,
  SANDBOX_ENDED,
  sandboxWorkflowId,
  type PodSandboxInput,
  type PreRemovalAnswer,
  type PreRemovalRequest,
} from '../../domain/primary/sandbox-run.ts';
import type { PrimarySandbox } from '../../domain/primary/sandbox.ts';
import { signalWithStart, type Run } from './pod-starter.ts';
import { askRun } from './sandbox-runs.ts';

const nodeAttribute = defineSearchAttributeKey(SEARCH_NODE, SearchAttributeType.KEYWORD);
const namespaceAttribute = defineSearchAttributeKey(SEARCH_NAMESPACE, SearchAttributeType.KEYWORD);

export function createPrimaryRuns(client: Client): PrimaryRuns {
  return {
    added: async (node, news) => {
      const run = runOf(node, news.sandbox, { added: news });
      await signalWithStart(client, { ...run, signal: SANDBOX_ADDED, request: news });
    },
    ended: async (node, end) => {
      const { sandbox, hooks, upTo } = end;
      const run = runOf(node, sandbox, { removal: { sandbox, hooks }, upTo });
      await signalWithStart(client, { ...run, signal: SANDBOX_ENDED, request: end });
    },
    beforeRemoval: async (node, news, limitMs, signal) => {
      const request = (seconds: number): PreRemovalRequest => ({ ...news, seconds });
      const run = runOf(node, news.sandbox, { removal: news });
      return (await askRun<PreRemovalAnswer>(client, run, BEFORE_REMOVAL, { request, limitMs, signal })).pending;
    },
  };
}

/** @param beginning what a run that is started knows from the start: it has nothing to do otherwise, and would end before it is told */
function runOf(
  node: string,
  { sandboxId, pod }: PrimarySandbox,
  beginning: Omit<PodSandboxInput, 'node' | 'sandboxId'>,
): Run {
  const input: PodSandboxInput = { node, sandboxId, ...beginning };
  return {
    type: POD_SANDBOX,
    workflowId: sandboxWorkflowId(sandboxId),
    input,
    attributes: [
      { key: nodeAttribute, value: node },
      ...(pod.namespace === '' ? [] : [{ key: namespaceAttribute, value: pod.namespace }]),
    ],
    summary: `${pod.namespace}/${pod.name} on ${node}`,
  };
}
