/**
 * Follows the Ready sandboxes of the node (ADR 31): publishes those of pods that ask for networks, so that an attach needs no hop to ask,
 * and tells the run of a pod whose sandbox was made anew, which changes nothing in the pod's object. A pod that comes to ask when it runs
 * already is published by the lookup of its run, which tells of it; all others are nothing to podwire, and cost etcd nothing.
 */
import { eachWithLimit } from '../../domain/concurrency/with-limit.ts';
import type { NodeDeps } from '../../activities/network/deps.ts';
import { sandboxRecord } from '../../activities/network/lookup-sandbox.ts';
import { openRecorded } from '../../activities/network/sandbox-netns.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { PodwireError } from '../../domain/failures.ts';
import { ownerOf } from '../../domain/vxlan/link-alias.ts';
import { newestReady, type ListedSandbox, type SandboxSummary } from '../../domain/ports/sandbox-runtime.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { SandboxRecord } from '../../domain/records.ts';
import { uidInRuntime } from '../../domain/pod/static-pods.ts';

type WatchDeps = Pick<NodeDeps, 'node' | 'bootId' | 'store' | 'runtime' | 'kernel'>;

const AT_ONCE = 8;
/** Nobody waits for it, and attaches are at work meanwhile. */
const SEARCHED_AT_ONCE = 2;

export class SandboxWatch {
  readonly #deps: WatchDeps;
  readonly #log: Logger;
  readonly #tell: (pod: PodIdentity) => Promise<void>;
  /** As etcd has them; undefined: not read yet. */
  #published: Map<string, SandboxRecord> | undefined;
  /** What lookups have published since `#published` was asked for; without these, a sandbox would stay published until the next reload. */
  readonly #lookedUp = new Map<string, SandboxRecord>();
  /** Pods of the node with attachments, when `#published` was read: an etcd that was lost may have these and no sandbox of theirs. */
  #attached: ReadonlySet<string> = new Set();
  /** Whether Ready sandboxes that nothing names are still to be searched for links of podwire's. */
  #toSearch = true;
  #ready = 0;
  /** Sandbox ids that are on the node's own network or whose netns is refused, so that they are not asked about again. */
  readonly #ignored = new Set<string>();
  /** Sandboxes of which it is not settled yet whether their pod's run knows them. */
  readonly #unsettled = new Map<string, SandboxRecord>();

  /** @param tell signals the pod's run, or starts one; may fail, then it is tried again at the next look */
  constructor(deps: WatchDeps, log: Logger, tell: (pod: PodIdentity) => Promise<void>) {
    this.#deps = deps;
    this.#log = log;
    this.#tell = tell;
  }

  /** A lookup has published a sandbox: it is withdrawn when the sandbox has gone, as all others are. */
  noted(sandbox: SandboxRecord): void {
    if (this.#published === undefined) this.#lookedUp.set(sandbox.podUid, sandbox);
    else this.#published.set(sandbox.podUid, sandbox);
  }

  /** Number of pods with a Ready sandbox, whether it is published or not. */
  get size(): number {
    return this.#ready;
  }

  /** One look. Fails like the runtime, etcd and Temporal do; the next look makes good for it. */
  async look(signal: AbortSignal): Promise<void> {
    const published = await this.#load();
    const ready = newestByPod(await this.#deps.runtime.listReady());
    this.#ready = ready.size;
    for (const uid of published.keys()) {
      if (ready.has(uid)) continue;
      await this.#deps.store.removeSandbox(this.#deps.node, uid);
      published.delete(uid);
      this.#unsettled.delete(uid);
    }
    const ids = new Set([...ready.values()].map(({ id }) => id));
    for (const id of this.#ignored) if (!ids.has(id)) this.#ignored.delete(id);

    const news = [...ready.values()].filter(
      (sandbox) =>
        this.#isWanted(sandbox) &&
        published.get(sandbox.podUid)?.sandboxId !== sandbox.id &&
        !this.#ignored.has(sandbox.id),
    );
    const outcomes = await eachWithLimit(news, AT_ONCE, (sandbox) => this.#publish(published, sandbox, signal));
    const found = await this.#search(published, ready.values(), signal);
    await this.#settle();
    const failed = [...outcomes, ...found].find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Makes the next look start from what etcd holds (a lookup publishes too) and ask anew, for every published sandbox, whether its
   * pod's run knows it.
   */
  reload(): void {
    this.#published = undefined;
  }

  /** The same for an etcd that is another one now: what podwire made in a sandbox may be recorded nowhere. */
  restart(): void {
    this.reload();
    this.#toSearch = true;
  }

  async #load(): Promise<Map<string, SandboxRecord>> {
    if (this.#published !== undefined) return this.#published;
    const { node, store } = this.#deps;
    const [records, attachments] = await Promise.all([store.listSandboxes(node), store.listNodeAttachments(node)]);
    this.#attached = new Set(attachments.map(({ value }) => uidInRuntime(value)));
    // What another boot published is looked up again, whatever its id.
    this.#published = new Map(
      records.map((record) => [
        record.podUid,
        record.bootId === this.#deps.bootId ? record : { ...record, sandboxId: '' },
      ]),
    );
    for (const [uid, sandbox] of this.#published) if (sandbox.sandboxId !== '') this.#unsettled.set(uid, sandbox);
    // After those that etcd had: one that was put while they were read may be among them or not.
    for (const [uid, sandbox] of this.#lookedUp) this.#published.set(uid, sandbox);
    this.#lookedUp.clear();
    return this.#published;
  }

  /** Publishes the sandboxes that have links of podwire's although nothing says so, where the sweep then finds them. */
  async #search(
    published: Map<string, SandboxRecord>,
    ready: Iterable<ListedSandbox>,
    signal: AbortSignal,
  ): Promise<PromiseSettledResult<void>[]> {
    if (!this.#toSearch) return [];
    const unnamed = [...ready].filter((sandbox) => !this.#isWanted(sandbox) && !this.#ignored.has(sandbox.id));
    const outcomes = await eachWithLimit(unnamed, SEARCHED_AT_ONCE, async ({ id }) => {
      const record = await this.#describe(id, signal);
      if (record !== undefined && (await mayHaveOwnLinks(this.#deps, record, signal)))
        await this.#put(published, record);
    });
    this.#toSearch = outcomes.some(({ status }) => status === 'rejected');
    return outcomes;
  }

  /** A sandbox that was published, or looked up, once is followed as long as its pod has one. */
  #isWanted({ asks, podUid }: ListedSandbox): boolean {
    return asks || this.#attached.has(podUid) || this.#published?.has(podUid) === true;
  }

  async #publish(published: Map<string, SandboxRecord>, sandbox: SandboxSummary, signal: AbortSignal): Promise<void> {
    const record = await this.#describe(sandbox.id, signal);
    if (record !== undefined) await this.#put(published, record);
  }

  async #put(published: Map<string, SandboxRecord>, record: SandboxRecord): Promise<void> {
    await this.#deps.store.putSandbox(this.#deps.node, record);
    published.set(record.podUid, record);
    this.#unsettled.set(record.podUid, record);
    this.#log.debug({ podUid: record.podUid, sandboxId: record.sandboxId }, 'sandbox published');
  }

  async #describe(id: string, signal: AbortSignal): Promise<SandboxRecord | undefined> {
    const details = await this.#deps.runtime.describe(id);
    if (details === undefined || !details.ready) return undefined;
    if (details.hostNetwork) {
      this.#ignored.add(id);
      return undefined;
    }
    try {
      return await sandboxRecord(this.#deps, details, signal);
    } catch (error) {
      this.#ignored.add(details.id);
      this.#log.warn({ podUid: details.podUid, sandboxId: details.id, err: error }, 'sandbox is not served');
      return undefined;
    }
  }

  async #settle(): Promise<void> {
    if (this.#unsettled.size === 0) return;
    const { node, store } = this.#deps;
    const records = await store.listNodeAttachments(node);
    const recorded = new Set(records.map(({ value }) => uidInRuntime(value)));
    const unreadable = new Map<string, PodwireError>();
    const unrecorded = [...this.#unsettled.keys()].filter((uid) => !recorded.has(uid));
    const converged = await store.readConverged(unrecorded, (uid, why) => unreadable.set(uid, why));
    const outcomes = await eachWithLimit([...this.#unsettled], AT_ONCE, async ([uid, sandbox]) => {
      // It waits by itself until its converged record is removed, by hand or by its next run.
      const why = unreadable.get(uid);
      if (why !== undefined) throw why;
      const own = records.filter(({ value }) => uidInRuntime(value) === uid);
      // What was attached to, or settled for, another sandbox of the pod.
      const earlier = [...own.map(({ value }) => value.sandboxId), converged.get(uid)?.sandboxId ?? ''];
      if (earlier.some((sandboxId) => sandboxId !== '' && sandboxId !== sandbox.sandboxId)) {
        // A static pod has another UID in the API.
        for (const podUid of new Set(own.length === 0 ? [uid] : own.map(({ value }) => value.podUid))) {
          await this.#tell({ uid: podUid, namespace: sandbox.namespace, name: sandbox.name });
          this.#log.info({ podUid, sandboxId: sandbox.sandboxId }, 'sandbox was made anew; its run is told');
        }
      }
      this.#unsettled.delete(uid);
    });
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** A store for lookups, which tells of what they publish. */
export const noting = (store: NodeDeps['store'], noted: (sandbox: SandboxRecord) => void): NodeDeps['store'] => ({
  ...store,
  putSandbox: async (node, sandbox) => {
    await store.putSandbox(node, sandbox);
    noted(sandbox);
  },
});

/** True also where it cannot be told: what is published is looked at again, and withdrawn if it is gone. */
async function mayHaveOwnLinks(deps: WatchDeps, record: SandboxRecord, signal: AbortSignal): Promise<boolean> {
  try {
    const netns = await openRecorded(deps, record, signal);
    try {
      const { links } = await deps.kernel.observe(netns);
      return links.some(({ alias }) => ownerOf(alias) !== undefined);
    } finally {
      await netns.close();
    }
  } catch {
    return true;
  }
}

function newestByPod(sandboxes: readonly ListedSandbox[]): Map<string, ListedSandbox> {
  const byPod = new Map<string, ListedSandbox>();
  for (const sandbox of sandboxes) {
    const newest = newestReady([sandbox, byPod.get(sandbox.podUid) ?? sandbox]);
    if (newest !== undefined) byPod.set(sandbox.podUid, newest);
  }
  return byPod;
}
