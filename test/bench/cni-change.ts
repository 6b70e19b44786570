/** One measured change of one pod's CNI network: until the kernel says so, and until the API does. */
import type { Change, WatchedPod } from './change.ts';
import { LINK, setCniNetwork, type BenchNetwork } from './cni-pods.ts';
import type { StatusWatch } from './cni-status-watch.ts';
import type { BenchLab } from './bench-lab.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

export interface CniChange extends Change {
  /** When the published status said it. */
  readonly statusAt: number;
}

/** Attaches the pod to the network, or detaches it from the one it has. */
export async function cniChange(
  bench: BenchLab,
  { pod, monitor }: WatchedPod,
  status: StatusWatch,
  network?: BenchNetwork,
): Promise<CniChange> {
  setWallClock();
  monitor.forget();
  const attach = network !== undefined;
  const seen = attach ? monitor.up(LINK) : monitor.gone(LINK);
  const said = status.says(pod.name, LINK, attach);
  const sentAt = wallNow();
  const answered = setCniNetwork(bench, pod, network).then(wallNow);
  const [event, statusAt, answeredAt] = await Promise.all([seen, said, answered]);
  const firstEventAt = monitor.events[0]?.at ?? event.at;
  return { sentAt, answeredAt, seen: event, firstEventAt, ms: event.at - sentAt, statusAt };
}
