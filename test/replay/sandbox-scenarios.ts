/** The lives of runs of sandboxes (ADR 56), for replay: each on a node of its own, whose steps say what the scenario wants. */
import type { SandboxActivities } from '../../activities/primary/sandbox-contract.ts';
import { createPrimaryRuns } from '../../adapters/temporal/primary-runs.ts';
import type { PrimaryRuns } from '../../domain/ports/sandbox-duties.ts';
import { sandboxWorkflowId } from '../../domain/primary/sandbox-run.ts';
import type { PrimarySandbox } from '../../domain/primary/sandbox.ts';
import type { Harness } from '../workflows/harness.ts';
import { untilAsked } from '../workflows/limits.ts';

const NEVER = new AbortController().signal;

const sandboxOf = (sandboxId: string): PrimarySandbox => ({
  ...{ sandboxId, pod: { namespace: 'shop', name: sandboxId } },
  interfaces: [{ name: 'eth0', hostInterface: 'pwp0a010102', addresses: ['10.1.1.2'] }],
});

interface Life {
  readonly runs: PrimaryRuns;
  readonly sandbox: PrimarySandbox;
  /** Waits until the run has ended. */
  readonly ended: () => Promise<unknown>;
}

/** @param steps what differs from a node that does everything at once */
async function begin(lab: Harness, node: string, steps: Partial<SandboxActivities> = {}): Promise<Life> {
  const usual: SandboxActivities = {
    recordSandbox: async ({ hooks: { wanted, done } }) => ({
      isHeld: true,
      left: wanted.filter((hook) => !done.includes(hook)),
    }),
    verifySandbox: async () => ({ isListed: true, missing: [] }),
    endSandbox: async () => undefined,
  };
  await lab.startNode(node, { ...usual, ...steps });
  return {
    runs: createPrimaryRuns(lab.client),
    sandbox: sandboxOf(node),
    ended: () => lab.client.workflow.getHandle(sandboxWorkflowId(node)).result(),
  };
}

export const SANDBOX_SCENARIOS: Readonly<Record<string, (lab: Harness) => Promise<string>>> = {
  'sandbox-recorded': async (lab) => {
    const { runs, sandbox, ended } = await begin(lab, 'recorded');
    await runs.added('recorded', { sandbox, hooks: [] });
    await ended();
    return sandboxWorkflowId('recorded');
  },
  'sandbox-ended': async (lab) => {
    const { runs, sandbox, ended } = await begin(lab, 'ended');
    await runs.ended('ended', { sandbox, hooks: [], upTo: 1 });
    await ended();
    return sandboxWorkflowId('ended');
  },
  'sandbox-hooks': async (lab) => {
    const { runs, sandbox, ended } = await begin(lab, 'hooks');
    let calls = 0;
    const hook = async (): Promise<void> => {
      calls += 1;
      if (calls === 1) throw new Error('not now');
    };
    await lab.startTeam('hooks-team', { hook, other: async () => undefined });
    await runs.added('hooks', { sandbox, hooks: ['hooks-team/hook', 'hooks-team/other'] });
    await ended();
    return sandboxWorkflowId('hooks');
  },
  'sandbox-removed-with-hooks': async (lab) => {
    const { runs, sandbox, ended } = await begin(lab, 'removed');
    await lab.startTeam('removed-team', { hook: async () => undefined });
    const news = { sandbox, hooks: ['removed-team/hook'] };
    await runs.beforeRemoval('removed', news, 20_000, NEVER);
    await runs.ended('removed', { sandbox, hooks: [], upTo: 1 });
    await ended();
    return sandboxWorkflowId('removed');
  },
  'sandbox-hook-open': async (lab) => {
    const { runs, sandbox } = await begin(lab, 'open');
    await runs.added('open', { sandbox, hooks: ['nobody-serves/this'] });
    await untilStuck(lab, 'open');
    return sandboxWorkflowId('open');
  },
  'sandbox-del-during-hooks': async (lab) => {
    const { runs, sandbox, ended } = await begin(lab, 'during');
    await runs.added('during', { sandbox, hooks: ['nobody-serves/that'] });
    await untilStuck(lab, 'during');
    await runs.ended('during', { sandbox, hooks: [], upTo: 1 });
    await ended();
    return sandboxWorkflowId('during');
  },
};

async function untilStuck(lab: Harness, node: string): Promise<void> {
  await untilAsked('a hook keeps failing', async () => {
    const { searchAttributes } = await lab.client.workflow.getHandle(sandboxWorkflowId(node)).describe();
    return searchAttributes['ProvisioningState']?.[0] === 'Stuck';
  });
}
