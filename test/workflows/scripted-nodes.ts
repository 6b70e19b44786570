/**
 * Node workers' steps as a script tells them: succeed, fail with a code, or hang until cancelled. Fakes, because a real kernel
 * fails neither on cue nor for exactly k times. They check the fencing token against etcd and take turns in a sandbox as the real ones do,
 * and keep the links.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkInput, TakeOverInput, TakeOverResult } from '../../activities/network/network-contract.ts';
import type { NodeSteps } from '../../activities/network/index.ts';
import { SandboxLocks } from '../../activities/network/sandbox-locks.ts';
import { PodwireError, type FailureCode } from '../../domain/failures.ts';
import { attachmentKey } from '../../domain/keys.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import {
  RECORD_VERSION,
  type AttachmentPhase,
  type AttachmentRecord,
  type CniAttachmentRecord,
  type LinkResult,
  type SandboxRecord,
  type StepFailure,
} from '../../domain/records.ts';

export type StepName = keyof NodeSteps;
/** `ok`, `hang` until cancelled, or the code to fail with; or what is done after so many milliseconds. */
type Behaviour = 'ok' | 'hang' | FailureCode | { readonly after: number; readonly fails?: FailureCode };
/** What the n-th call (from 1) of a step does. */
export type Script = (call: number) => Behaviour;

export interface Call {
  readonly node: string;
  readonly step: StepName;
  /** Pod UID; for syncFdb the network's name. */
  readonly of: string;
  readonly interfaceName: string;
  /** Milliseconds, as performance.now(). */
  readonly at: number;
  /** When it ended. */
  until?: number;
  cancelled?: boolean;
  /** Of a removal: what was adopted is given back. */
  readonly unadopt?: boolean;
}

interface Link {
  readonly podUid: string;
  readonly interfaceName: string;
  readonly addresses: readonly string[];
}

export class ScriptedNodes {
  readonly calls: Call[] = [];
  /** By pod UID: what DEL leaves in the pod. */
  readonly left = new Map<string, StepFailure>();
  /** By pod UID and interface: what another runtime made, as a record of podwire's. */
  readonly foreign = new Map<string, LinkResult>();
  readonly #scripts = new Map<string, Script>();
  readonly #links = new Map<string, Link>();
  readonly #records: RecordStore;
  readonly #store: NodeStore;

  constructor(records: RecordStore, store: NodeStore) {
    this.#records = records;
    this.#store = store;
  }

  /** @param of as in `Call`, with `/<interface>` to script one interface only */
  script(of: string, step: StepName, script: Script): void {
    this.#scripts.set(`${of} ${step}`, script);
  }

  /** In order of their start. */
  callsOf(of: string): Call[] {
    return this.calls.filter((call) => call.of === of);
  }

  /** Names of the links a pod has, over all sandboxes. */
  linksOf(podUid: string): string[] {
    return [...this.#links.values()].filter((link) => link.podUid === podUid).map((link) => link.interfaceName);
  }

  /** What the interface of a pod has, as it was last made. */
  addressesOf(podUid: string, interfaceName: string): readonly string[] | undefined {
    return [...this.#links.values()].find((link) => link.podUid === podUid && link.interfaceName === interfaceName)
      ?.addresses;
  }

  steps(node: string): NodeSteps {
    const { lookupSandbox, ensureVxlanLink, cniAdd, remove } = this.#works(node);
    const locks = new SandboxLocks();
    const link = <T>(step: StepName, input: LinkInput, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
      locks.step(input, () => this.#play({ ...seen(input), node, step }, signal, work));
    return {
      lookupSandbox: (input, signal) =>
        this.#play({ node, step: 'lookupSandbox', of: input.podUid, interfaceName: '' }, signal, () =>
          lookupSandbox(input),
        ),
      ensureVxlanLink: (input, signal) => link('ensureVxlanLink', input, signal, () => ensureVxlanLink(input)),
      deleteVxlanLink: (input, signal) =>
        locks.step(input, () =>
          this.#play({ ...seen(input), node, step: 'deleteVxlanLink', unadopt: input.unadopt ?? false }, signal, () =>
            remove(input, 'vxlan'),
          ),
        ),
      cniAdd: (input, signal) => link('cniAdd', input, signal, () => cniAdd(input)),
      cniDelete: (input, signal) => link('cniDelete', input, signal, () => remove(input, 'cni')),
      takeOverForeign: (input, signal) =>
        this.#play({ ...seen(input), node, step: 'takeOverForeign' }, signal, () => this.#takeOver(node, input)),
      syncFdb: (input, signal) =>
        this.#play({ node, step: 'syncFdb', of: input.name, interfaceName: '' }, signal, async () => ({
          netns: 1,
          written: 0,
          removed: 0,
        })),
      openGate: (input, signal) =>
        this.#play({ node, step: 'openGate', of: input.podUid, interfaceName: '' }, signal, async () => ({
          outcome: 'opened' as const,
        })),
      lookIntoPod: (input, signal) =>
        this.#play({ node, step: 'lookIntoPod', of: input.podUid, interfaceName: '' }, signal, async () => ({
          answers: [],
        })),
    };
  }

  #works(node: string) {
    return {
      lookupSandbox: async (input: { podUid: string; namespace: string; name: string }) => {
        const found = sandboxOf(input, `found-${input.podUid}`);
        await this.#store.putSandbox(node, found);
        return { ...found, podIPs: ['10.0.0.9'] };
      },
      ensureVxlanLink: async (input: LinkInput) => {
        const { link } = await this.#fenced(input, 'vxlan', 'intent');
        this.#links.set(`${input.sandboxId}/${input.interfaceName}`, { ...input, addresses: link.addresses });
        return { ...MADE, mtu: 1450, addresses: link.addresses };
      },
      cniAdd: async (input: LinkInput) => {
        const { cni } = await this.#fenced(input, 'cni', 'intent');
        const addresses = cni.capabilityArgs.ips ?? [];
        this.#links.set(`${input.sandboxId}/${input.interfaceName}`, { ...input, addresses });
        return { ...MADE, mtu: 1500, addresses };
      },
      remove: async (input: LinkInput, kind: AttachmentRecord['kind']) => {
        await this.#fenced(input, kind, 'removing');
        const outcome = this.#links.delete(`${input.sandboxId}/${input.interfaceName}`) ? 'removed' : 'absent';
        const warning = this.left.get(input.podUid);
        return { outcome, ...(warning === undefined ? {} : { warning }) } as const;
      },
    };
  }

  async #takeOver(node: string, input: TakeOverInput): Promise<TakeOverResult> {
    const { podUid, namespace, name, sandboxId, interfaceName, network } = input;
    const result = this.foreign.get(`${podUid}/${interfaceName}`);
    if (result === undefined) throw new PodwireError('ForeignKept', 'Multus keeps nothing of it');
    const record: CniAttachmentRecord = {
      ...{ v: RECORD_VERSION, kind: 'cni', dialect: 'npwg', podUid, namespace, name, node, sandboxId, interfaceName },
      ...{ bootId: 'boot', netns: { path: '/run/netns/x', inode: '1', ctimeNs: '1' }, network, configText: '{}' },
      cni: { kind: 'cni', interfaceName, capabilityArgs: {}, args: [], defaultRoute: [] },
      ...{ definitionUid: '', owner: { workflowId: '', runId: '' }, generation: 1, phase: 'attached', result },
    };
    await this.#store.restoreAttachment(record, { v: RECORD_VERSION, generation: 1, text: '{}' });
    this.#links.set(`${sandboxId}/${interfaceName}`, { podUid, interfaceName, addresses: result.addresses });
    return { outcome: 'taken' };
  }

  async #play<T>(seen: Omit<Call, 'at'>, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { node, step, of, interfaceName } = seen;
    const call: Call = { ...seen, at: performance.now() };
    this.calls.push(call);
    const script =
      this.#scripts.get(`${of}/${interfaceName} ${step}`) ??
      this.#scripts.get(`${of} ${step}`) ??
      ((): Behaviour => 'ok');
    const number = this.calls.filter(
      (other) => other.step === step && other.of === of && other.node === node && other.interfaceName === interfaceName,
    ).length;
    try {
      const behaviour = script(number);
      if (behaviour === 'hang') {
        if (!signal.aborted) await once(signal, 'abort');
        call.cancelled = true;
        throw new Error('gave way to a cancellation');
      }
      if (behaviour !== 'ok') {
        const { after, fails } = typeof behaviour === 'string' ? { after: 0, fails: behaviour } : behaviour;
        await sleep(after);
        if (fails !== undefined) throw new PodwireError(fails, `scripted ${fails}`);
      }
      return await work();
    } finally {
      call.until = performance.now();
    }
  }

  async #fenced<Kind extends AttachmentRecord['kind']>(
    input: LinkInput,
    kind: Kind,
    phase: AttachmentPhase,
  ): Promise<Extract<AttachmentRecord, { kind: Kind }>> {
    const stored = await this.#records.attachment(attachmentKey(input));
    const record = stored?.modRevision === input.modRevision ? stored.value : undefined;
    if (record?.phase !== phase || !isOfKind(record, kind))
      throw new PodwireError(
        'Fenced',
        `record of ${input.interfaceName} is not the ${kind} one of revision ${input.modRevision}`,
      );
    return record;
  }
}

const isOfKind = <Kind extends AttachmentRecord['kind']>(
  record: AttachmentRecord,
  kind: Kind,
): record is Extract<AttachmentRecord, { kind: Kind }> => record.kind === kind;

const MADE = { ifindex: 7, mac: '02:00:00:00:00:01', adopted: false, before: 'absent' } as const;

const seen = ({ podUid, interfaceName }: Pick<LinkInput, 'podUid' | 'interfaceName'>) => ({
  of: podUid,
  interfaceName,
});

export function sandboxOf(pod: { podUid: string; namespace: string; name: string }, sandboxId: string): SandboxRecord {
  const { podUid, namespace, name } = pod;
  const netns = { path: `/run/netns/${sandboxId}`, inode: '4026532000', ctimeNs: '1' };
  return { v: RECORD_VERSION, podUid, namespace, name, sandboxId, bootId: 'boot', netns };
}
