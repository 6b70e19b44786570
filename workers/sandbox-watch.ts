/**
 * Follows the Ready sandboxes of the node (ADR 31): publishes them, so that an attach needs no hop to ask, and tells the run
 * of a pod whose sandbox was made anew, which changes nothing in the pod's object.
 */
import { eachWithLimit } from '../activities/node/each-with-limit.ts';
import type { NodeDeps } from '../activities/node/deps.ts';
import { sandboxRecord } from '../activities/node/lookup-sandbox.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { newestReady, type SandboxSummary } from '../domain/ports/sandbox-runtime.ts';
import type { PodIdentity } from '../domain/pod-view.ts';
import type { AttachmentRecord, SandboxRecord, Stored } from '../domain/records.ts';
import { uidInRuntime } from '../domain/static-pods.ts';

type WatchDeps = Pick<NodeDeps, 'node' | 'bootId' | 'store' | 'runtime' | 'kernel'>;

const AT_ONCE = 8;

export class SandboxWatch {
  readonly #deps: WatchDeps;
  readonly #log: Logger;
  readonly #tell: (pod: PodIdentity) => Promise<void>;
  /** As etcd has them; undefined: not read yet. */
  #published: Map<string, SandboxRecord> | undefined;
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

  /** Number of published sandboxes. */
  get size(): number {
    return this.#published?.size ?? 0;
  }

  /** One look. Fails like the runtime, etcd and Temporal do; the next look makes good for it. */
  async look(signal: AbortSignal): Promise<void> {
    const published = await this.#load();
    const ready = newestByPod(await this.#deps.runtime.listReady());
    for (const uid of published.keys()) {
      if (ready.has(uid)) continue;
      await this.#deps.store.removeSandbox(this.#deps.node, uid);
      published.delete(uid);
      this.#unsettled.delete(uid);
    }
    const ids = new Set([...ready.values()].map(({ id }) => id));
    for (const id of this.#ignored) if (!ids.has(id)) this.#ignored.delete(id);

    const news = [...ready.values()].filter(
      ({ id, podUid }) => published.get(podUid)?.sandboxId !== id && !this.#ignored.has(id),
    );
    const outcomes = await eachWithLimit(news, AT_ONCE, (sandbox) => this.#publish(published, sandbox, signal));
    await this.#settle();
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Makes the next look start from what etcd holds (a lookup publishes too) and ask anew, for every published sandbox, whether its
   * pod's run knows it.
   */
  reload(): void {
    this.#published = undefined;
  }

  async #load(): Promise<Map<string, SandboxRecord>> {
    if (this.#published !== undefined) return this.#published;
    const records = await this.#deps.store.listSandboxes(this.#deps.node);
    // What another boot published is looked up again, whatever its id.
    this.#published = new Map(
      records.map((record) => [
        record.podUid,
        record.bootId === this.#deps.bootId ? record : { ...record, sandboxId: '' },
      ]),
    );
    for (const [uid, sandbox] of this.#published) if (sandbox.sandboxId !== '') this.#unsettled.set(uid, sandbox);
    return this.#published;
  }

  async #publish(published: Map<string, SandboxRecord>, sandbox: SandboxSummary, signal: AbortSignal): Promise<void> {
    const details = await this.#deps.runtime.describe(sandbox.id);
    if (details === undefined || !details.ready) return;
    if (details.hostNetwork) {
      this.#ignored.add(sandbox.id);
      return;
    }
    const record = await this.#record(details, signal);
    if (record === undefined) return;
    await this.#deps.store.putSandbox(this.#deps.node, record);
    published.set(record.podUid, record);
    this.#unsettled.set(record.podUid, record);
    this.#log.debug({ podUid: record.podUid, sandboxId: record.sandboxId }, 'sandbox published');
  }

  async #record(details: Parameters<typeof sandboxRecord>[1], signal: AbortSignal): Promise<SandboxRecord | undefined> {
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
    const records = await this.#deps.store.listNodeAttachments(this.#deps.node);
    const outcomes = await eachWithLimit([...this.#unsettled], AT_ONCE, async ([uid, sandbox]) => {
      const own = records.filter(({ value }) => uidInRuntime(value) === uid);
      if (await this.#isNews(sandbox, own)) {
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

  /** Whether something was attached to, or settled for, another sandbox of the pod. */
  async #isNews(sandbox: SandboxRecord, records: readonly Stored<AttachmentRecord>[]): Promise<boolean> {
    if (records.length > 0) return records.some(({ value }) => value.sandboxId !== sandbox.sandboxId);
    const mark = await this.#deps.store.readMark(sandbox.podUid);
    return mark !== undefined && mark.sandboxId !== '' && mark.sandboxId !== sandbox.sandboxId;
  }
}

function newestByPod(sandboxes: readonly SandboxSummary[]): Map<string, SandboxSummary> {
  const byPod = new Map<string, SandboxSummary>();
  for (const sandbox of sandboxes) {
    const newest = newestReady([sandbox, byPod.get(sandbox.podUid) ?? sandbox]);
    if (newest !== undefined) byPod.set(sandbox.podUid, newest);
  }
  return byPod;
}
