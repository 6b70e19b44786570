/** podwire as it is measured: as in the lab, but the watcher tells in its log when it had each event. */
import { inNetns, stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { startPodwire, startPodwirePart, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { partPid } from '../../deploy/lab/parts.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';

/** A relist compares with records in etcd, among them those of members that no pod stands for (mesh). */
const WATCHER = { logLevel: 'debug', env: { PODWIRE_RELIST_SECONDS: '86400' } };
/** A sweep tells of records whose sandbox the container runtime does not know, and the runs it starts remove such members. */
const NO_SWEEPS = { env: { PODWIRE_SWEEP_SECONDS: '0' } };
const READY = 'http://127.0.0.1:9464/readyz';

/** Starts every part and waits until it serves. */
export async function startMeasuredPodwire(lab: Lab): Promise<void> {
  await startPodwire(lab, NO_SWEEPS);
  await startPodwirePart(lab, WATCHER_PART, WATCHER);
  await waitFor(
    'the watcher to be ready',
    async () => {
      if (partPid(lab, WATCHER_PART) === undefined) return undefined;
      const { code } = await inNetns(lab.controlNetnsPath, 'busybox', ['wget', '-q', '-O', '/dev/null', READY]);
      return code === 0 ? true : undefined;
    },
    { limitMs: 30_000, everyMs: 100 },
  );
}

/** Gives a lab that stays its usual watcher back. */
export async function endMeasurement(lab: Lab): Promise<void> {
  await stopPart(lab, WATCHER_PART);
  await startPodwire(lab);
}
