/** One measured change of one pod: from right before the PATCH is sent until the kernel says so. */
import { setNetworks, type BenchLab, type BenchPod } from './bench-lab.ts';
import type { LinkEvent, LinkMonitor } from './link-monitor.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

export interface Change {
  /** Milliseconds since the epoch, right before the PATCH. */
  readonly sentAt: number;
  /** When the API had answered; not on the way to the link. */
  readonly answeredAt: number;
  readonly seen: LinkEvent;
  /** First event of the link's device, under whatever name it was made. */
  readonly firstEventAt: number;
  readonly ms: number;
}

export interface WatchedPod {
  readonly pod: BenchPod;
  readonly monitor: LinkMonitor;
}

/** Sets or removes the pod's only network, whose interface is called `link`. */
export async function change(bench: BenchLab, watched: WatchedPod, link: string, networks?: string): Promise<Change> {
  const { pod, monitor } = watched;
  setWallClock();
  monitor.forget();
  const seen = networks === undefined ? monitor.gone(link) : monitor.up(link);
  const sentAt = wallNow();
  const answered = setNetworks(bench, pod, networks ?? null).then(wallNow);
  const [event, answeredAt] = await Promise.all([seen, answered]);
  const firstEventAt = monitor.events[0]?.at ?? event.at;
  return { sentAt, answeredAt, seen: event, firstEventAt, ms: event.at - sentAt };
}
