/**
 * Forwarding entries of members that are reached through their agent containers.
 *
 * Several orchestrators may do this, so nothing that was written is remembered: the kernel is read each time, and the members **after** it,
 * so that an entry which another one just added is not taken for one too many. A pod that does not answer holds up nobody: it is left
 * behind, and tried again until it answers or is no member any more.
 */
import { PodwireError } from '../../domain/failures.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { ForwardingKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { AttachmentRecord, Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import type { LinkDeps, NetnsResolver } from '../network/deps.ts';
import { eachWithLimit } from '../../domain/concurrency/with-limit.ts';
import type { Written } from '../network/forwarding/fdb-devices.ts';
import {
  changeTo,
  isEmpty,
  membershipOf,
  onlyAdding,
  readForwarding,
  desiredForwarding,
  write,
} from '../network/forwarding/desired-forwarding.ts';
import type { SyncFdbResult } from '../network/network-contract.ts';
import { KeyedMutex } from '../concurrency/keyed-mutex.ts';
import { deviceKey, vxlanOnly } from '../network/vxlan/vxlan-records.ts';
import { within } from '../concurrency/within.ts';

export interface AgentEntriesParts {
  readonly store: Pick<NodeStore, 'readMembers' | 'listNodeAttachments' | 'readAttachment'>;
  readonly kernel: ForwardingKernel;
  readonly netnsResolver: Pick<NetnsResolver, 'openIfThere'>;
  readonly onBehind: (record: VxlanAttachmentRecord, failure: unknown) => void;
}

const AT_ONCE = 16;
/** An exec takes some 30 ms; whoever has not answered by then is left behind. */
const PATIENCE_MS = 1_500;
const LOCK_WAIT_MS = 5_000;
const NOTHING: Written = { written: 0, removed: 0 };
const GONE = new Set(['SandboxGone', 'SandboxChanged', 'SandboxNotReady']);

export class AgentEntries {
  readonly fdb: LinkDeps['fdb'] = {
    withDevice: (record, work) =>
      this.#locked(record, () =>
        work({
          made: () => undefined,
          forget: () => undefined,
          sync: (netns, adopted, link) => this.#write(record, netns, adopted, link),
          // An agent's image has iproute2, and nothing that could keep anybody from sending.
          openToAll: async () => undefined,
        }),
      ),
  };
  readonly #parts: AgentEntriesParts;
  readonly #locks = new KeyedMutex();
  readonly #behind = new Map<string, VxlanAttachmentRecord>();

  constructor(parts: AgentEntriesParts) {
    this.#parts = parts;
  }

  /** Brings the members of a target up to date, as far as they answer in time. Fails only when etcd does. */
  async syncNetwork(target: string, network: NetworkRef, signal: AbortSignal): Promise<SyncFdbResult> {
    const records = vxlanOnly(await this.#parts.store.listNodeAttachments(target)).filter(
      (record) => record.phase === 'attached' && networkKey(record.network) === networkKey(network),
    );
    const { done, behind } = await this.#sync(records, signal);
    return {
      netns: done.length,
      written: done.reduce((sum, each) => sum + each.written, 0),
      removed: done.reduce((sum, each) => sum + each.removed, 0),
      ...(behind === 0 ? {} : { behind }),
    };
  }

  /** All members everywhere: for a start, and now and then. */
  async syncAll(records: readonly Stored<AttachmentRecord>[], signal: AbortSignal): Promise<void> {
    await this.#sync(
      vxlanOnly(records).filter(({ phase }) => phase === 'attached'),
      signal,
    );
  }

  /** Tries those again that did not answer. */
  async catchUp(signal: AbortSignal): Promise<void> {
    const records = [...this.#behind.values()];
    this.#behind.clear();
    await eachWithLimit(records, AT_ONCE, async (old) => {
      const stored = await this.#parts.store.readAttachment(old);
      if (stored?.value.kind !== 'vxlan' || stored.value.phase !== 'attached') return;
      await this.#attempt(stored.value, signal);
    });
  }

  async #sync(
    records: readonly VxlanAttachmentRecord[],
    signal: AbortSignal,
  ): Promise<{ done: readonly Written[]; behind: number }> {
    const done: Written[] = [];
    let behind = 0;
    await eachWithLimit(records, AT_ONCE, async (record) => {
      // Those that are behind already have their own next try.
      if (this.#behind.has(deviceKey(record))) {
        behind += 1;
        return;
      }
      const written = await within(this.#attempt(record, signal), PATIENCE_MS);
      if (written === undefined) behind += 1;
      else done.push(written);
    });
    return { done, behind };
  }

  /** undefined: it has been noted as one that is behind. */
  async #attempt(record: VxlanAttachmentRecord, signal: AbortSignal): Promise<Written | undefined> {
    try {
      return await this.#locked(record, () => this.#bring(record, signal));
    } catch (error) {
      // A pod that is gone needs no entries; one whose agent is away gets them when that is back, with the link's own look.
      if (error instanceof PodwireError && GONE.has(error.code)) return NOTHING;
      this.#behind.set(deviceKey(record), record);
      this.#parts.onBehind(record, error);
      return undefined;
    }
  }

  async #bring(record: VxlanAttachmentRecord, signal: AbortSignal): Promise<Written> {
    const netns = await this.#parts.netnsResolver.openIfThere(record, signal);
    if (netns === undefined) return NOTHING;
    try {
      return await this.#write(record, netns, record.result?.adopted === true);
    } finally {
      await netns.close();
    }
  }

  async #write(
    record: VxlanAttachmentRecord,
    netns: OpenNetns,
    adopted: boolean,
    link = record.interfaceName,
  ): Promise<Written> {
    const { kernel, store } = this.#parts;
    const { network } = record;
    const present = await readForwarding(kernel, netns, link);
    if (present === undefined) return NOTHING;
    // One reading each: nothing is remembered that a ticket could order.
    const membership = membershipOf(0, await store.readMembers(network));
    const desired = desiredForwarding(record, membership);
    // Of a device that somebody else made nobody knows here what podwire wanted there before: nothing is removed.
    const difference = changeTo(desired, present, adopted ? { ours: [], vtep: record.vtep } : undefined);
    const { interfaceName } = record;
    const change = { netns, link, interfaceName, ...(membership.isWhole ? difference : onlyAdding(difference)) };
    if (isEmpty(change)) return NOTHING;
    const [outcome] = await write(kernel, [change]);
    if (outcome?.status === 'rejected') throw outcome.reason;
    if (outcome?.value !== 'applied') return NOTHING;
    const { fdb, neighbours } = change;
    return {
      written: fdb.add.length + neighbours.set.length,
      removed: fdb.remove.length + neighbours.remove.length,
    };
  }

  #locked<T>(record: VxlanAttachmentRecord, work: () => Promise<T>): Promise<T> {
    const key = deviceKey(record);
    const busy = (): Error => new PodwireError('KernelBusy', `${key} is being worked on by another operation`);
    return this.#locks.run(key, LOCK_WAIT_MS, busy, work);
  }
}
