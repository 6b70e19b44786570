/** Watches keys of podwire's etcd for as long as somebody listens. Nothing of what has changed is kept: whoever is told reads anew. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Etcd3, Watcher } from 'etcd3';
import type { Ask } from './client.ts';
import type { EtcdConnection } from './open.ts';

export interface EtcdEar {
  /** Whether changes are told of from now on. What changed before that was not told. */
  heard(isHeard: boolean): void;
  changed(): void;
}

/** etcd that has just been started anew is not asked more often. */
const PAUSE_MS = 2_000;
/** An etcd that has gone without a word does not say that a watch has ended. */
const CANCEL_MS = 500;

export async function follow(
  etcd: EtcdConnection,
  asks: readonly Ask[],
  ear: EtcdEar,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // A watch that fails is no news: its caller looks often while nothing is heard, and says what is wrong then.
    await etcd
      .use((client, replaced) => watchAll(client, asks, ear, AbortSignal.any([signal, replaced])))
      .catch(() => undefined);
    ear.heard(false);
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Ends when a watch breaks or `signal` is aborted. */
async function watchAll(client: Etcd3, asks: readonly Ask[], ear: EtcdEar, signal: AbortSignal): Promise<void> {
  const broken = new AbortController();
  const ending = AbortSignal.any([signal, broken.signal]);
  const watchers: Watcher[] = [];
  try {
    for (const ask of asks) {
      const builder = 'key' in ask ? client.watch().key(ask.key) : client.watch().prefix(ask.prefix);
      const watcher = builder.watcher();
      watchers.push(watcher);
      const isBroken = (): void => broken.abort();
      watcher.on('disconnected', isBroken).on('error', isBroken).on('end', isBroken);
      watcher.on('data', () => ear.changed());
      await once(watcher, 'connected', { signal: ending });
    }
    ear.heard(true);
    ear.changed();
    if (!ending.aborted) await once(ending, 'abort');
  } finally {
    // A watch that broke would be made again by etcd3, from a revision that a new etcd does not have.
    const cancelled = Promise.all(watchers.map((watcher) => watcher.cancel().catch(() => undefined)));
    await Promise.race([cancelled, sleep(CANCEL_MS)]);
  }
}
