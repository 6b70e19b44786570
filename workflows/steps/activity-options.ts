/**
 * Every time-out, retry and heartbeat of podwire's activities, with its reason. Nothing else in workflows/ names a duration.
 *
 * | what                     | value            | why                                                                              |
 * |--------------------------|------------------|----------------------------------------------------------------------------------|
 * | control: total           | 2 s, 2 attempts  | a local activity that hangs makes the workflow deaf to signals (ADR 33)      |
 * | control: patient         | 4 s, 2 attempts  | in a run that has seen one fail for want of time: slow calls add up               |
 * | control: pause           | 1…15 s           | the workflow waits, not the activity: a signal is acted on at once                |
 * | node: schedule to start  | 10 s             | the only way to notice a node without a worker (ADR 33)                      |
 * | node: start to close     | 15 s             | a link takes 20 ms; lookupSandbox waits up to 10 s for a sandbox that is starting |
 * | node: mesh start to close| 60 s             | hundreds of devices with a thousand entries each, on a busy node                  |
 * | node: CNI start to close | 60 s           | plugins wait for locks, DHCP and allocators of their own (ADR 33)            |
 * | node: heartbeat          | 3 s              | after 600 ms workers beat every 250: a killed one shows in 3 s, a cancel in 1 s   |
 * | node: first try          | 1 attempt        | awaited in annotation order; what fails goes on in the background (ADR 33)   |
 * | node: quick tries        | 4, from 2 s      | with the first: 5 attempts before a person is told `Stuck` (ADR 33)          |
 * | node: sandbox is busy    | 300, each second | waits for its turn, which is no failure of its own (ADR 33); costs no events  |
 * | node: stuck, pause       | 30…45 s, endless | a cause that goes away is noticed without a person, and all is well within 60 s   |
 * | node: stuck, attempts    | 10, then again   | the workflow hears of none before the last: another cause is told after 7 min.    |
 * |                          |                  | 6 events each time, 55 an hour and network: 16 fill a history in 4 h, which then   |
 * |                          |                  | starts afresh (POD_HISTORY_LIMIT); with fewer attempts they would do so each hour |
 * | node: stuck, to start    | 2 min            | a node that went away meanwhile is told; a worker that restarts is not            |
 * | node away                | 5, from 1 s      | asked again every 2 min: starts when the worker is back (ADRs 2 and 33)      |
 * | node: sweep              | 1 attempt, 3 min | the next sweep comes by itself; a second look may run some plugins                |
 * | look: schedule to start  | 5 s              | a person waits, and is told which node does not answer                           |
 * | look: start to close     | 30 s             | 250 pods, each with a few processes of 4 ms                                      |
 * | reflect: names           | 2 s, 1 attempt   | as control; the names stay with the workflow, which tries again after 1…30 s      |
 * | reflect: resync          | 10 min, 1 attempt| hundreds of thousands of objects; killed workers are noticed in 15 s              |
 * | reflect: lingering       | 10 s             | a run that is told of something each second is not begun anew each time           |
 * | object: pace           | 3 s              | a status is written no more often, however often members come and go              |
 * | object: looks          | 5…60 s           | what nobody tells of: a VNI that became free, a node that caught up, the last pod |
 * | sandbox: a step          | 10, from 1 s     | nobody waits for it; a node without its worker is looked for after 2 min           |
 * | sandbox: verification    | 6, from 2 s      | a runtime tells of a sandbox some seconds after its ADD; after 90 s nobody asks   |
 * | hook: one call           | 30 s, 1 attempt  | of another team; the workflow repeats it, so that the others have their turn       |
 * | hook: to start           | 4 s              | a DEL waits for 5 s                                                              |
 * | hook: pause              | 1…300 s          | as often as a cause goes away by itself, and no more than 12 calls an hour        |
 * | sandbox: lingering       | 2 s              | between the hooks of a DEL and its end there is the kernel's work                 |
 */
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import { FAILURES, type FailureCode } from '../../domain/failures.ts';

export const CONTROL: LocalActivityOptions = {
  scheduleToCloseTimeout: '2s',
  retry: { initialInterval: '50ms', maximumAttempts: 2 },
};

/** Time for six calls of half a second each. The tasks of a run still end before the server has a hundred signals for the run (ADR 9). */
export const CONTROL_PATIENT: LocalActivityOptions = { ...CONTROL, scheduleToCloseTimeout: '4s' };

export const CONTROL_PAUSE_SECONDS = { first: 1, longest: 15 } as const;

export const NODE: ActivityOptions = {
  startToCloseTimeout: '15s',
  heartbeatTimeout: '3s',
  // Any other type lets two attempts of one activity id overlap, and the workflow task then fails for ever.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};

/** CNI plugins wait for locks, DHCP servers and allocators of their own. A plugin is ended after 50 s. */
export const CNI_START_TO_CLOSE = '60s';

export const NODE_FIRST: ActivityOptions = { ...NODE, scheduleToStartTimeout: '10s', retry: { maximumAttempts: 1 } };

/** Pause between the first try and the next tries, of which the operator is not told yet. */
export const NODE_QUICK_PAUSE = '1s';

export const QUICK_TRIES = 4;

/** What a node answers when another step works in the same sandbox. The answer ends the quick tries, so that waiting does not use them up. */
const BUSY: FailureCode = 'SandboxBusy';

export const NODE_QUICK: ActivityOptions = {
  ...NODE,
  scheduleToStartTimeout: '10s',
  retry: {
    initialInterval: '2s',
    backoffCoefficient: 2,
    maximumAttempts: QUICK_TRIES,
    nonRetryableErrorTypes: [BUSY],
  },
};

/**
 * Waits for the sandbox: the server tries again each second, for as long as the node answers that the sandbox is busy. The server makes the
 * tries, not the node: a try that waited on the node would hold one of the node's slots for as long as a plugin hangs.
 */
export const NODE_BUSY: ActivityOptions = {
  ...NODE,
  scheduleToStartTimeout: '10s',
  retry: {
    initialInterval: '1s',
    backoffCoefficient: 1,
    maximumAttempts: 300,
    nonRetryableErrorTypes: [
      ...Object.keys(FAILURES).filter((code) => code !== BUSY),
      ...['Unexpected', 'TemporalTimeout:StartToClose', 'TemporalTimeout:Heartbeat'],
    ],
  },
};

export const NODE_STUCK: ActivityOptions = {
  ...NODE,
  scheduleToStartTimeout: '2m',
  retry: { initialInterval: '30s', backoffCoefficient: 1.5, maximumInterval: '45s', maximumAttempts: 10 },
};

export const NODE_AWAY: ActivityOptions = {
  ...NODE,
  // The wait is renewed every two minutes: the server unloads a partition of a queue that is idle for five, and a worker's first poll may then
  // miss the task.
  scheduleToStartTimeout: '2m',
  // A node whose worker is back but keeps failing is not silent any more: the step is then Stuck.
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 5, nonRetryableErrorTypes: [BUSY] },
};

/** One look of a mesh run at one node; a node that misses it resyncs by itself when it is back (ADR 34). */
export const MESH_SYNC: ActivityOptions = {
  ...NODE,
  // Filling a thousand empty devices takes longer than making a link; a dead worker is noticed by its heartbeats.
  startToCloseTimeout: '60s',
  scheduleToStartTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 4 },
};

/** One look of a sweep. What a look misses, the next sweep sees. A second look may have to run plugins. */
export const SWEEP: ActivityOptions = {
  ...NODE,
  startToCloseTimeout: '3m',
  scheduleToStartTimeout: '10s',
  retry: { maximumAttempts: 1 },
};

/** A look for a person who waits: no worker in time is an answer as well. */
export const LOOK: ActivityOptions = {
  ...NODE,
  startToCloseTimeout: '30s',
  scheduleToStartTimeout: '5s',
  retry: { initialInterval: '500ms', maximumAttempts: 2 },
};

/** Pause before observing again when the world moved on between plan and step, in seconds. */
export const STALE_PAUSE_SECONDS = { first: 1, longest: 30 } as const;
/** Rounds that may go stale before the first pause: an edit in mid-flight is normal. */
export const STALE_ROUNDS_WITHOUT_PAUSE = 3;

/** Pause after something podwire did not expect, in seconds; a signal ends it. */
export const UNEXPECTED_PAUSE_SECONDS = 60;

/** Signals per mesh run before it continues as new (ADR 34). */
export const MESH_SIGNALS_PER_RUN = 2000;
/** History length at which a pod's run continues as new; the server suggests it at 4,096 events. */
export const POD_HISTORY_LIMIT = 4000;

/** Some changed objects: read them, write what differs. */
export const REFLECT_NAMES: LocalActivityOptions = {
  scheduleToCloseTimeout: '2s',
  retry: { maximumAttempts: 1 },
};
/** Objects per local activity: with their keys one transaction or two, and far less than a second of work. After a failure there are fewer. */
export const REFLECT_BATCH = { most: 64, fewest: 4 } as const;

export const REFLECT_RESYNC_PASS: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { maximumAttempts: 1 },
};

/** Pause after something could not be read or written, in seconds; `retryNow` ends it. */
export const REFLECT_PAUSE_SECONDS = { first: 1, longest: 30 } as const;
/** How long a run without requests stays open. */
export const REFLECT_LINGER = '10s';
/** Signals per run before it continues as new: each costs five events. */
export const REFLECT_SIGNALS_PER_RUN = 600;

/** Between a status of a network object and the next. */
export const OBJECT_PACE = '3s';
/** Between two looks of the run of a network object at what it waits for, in seconds. */
export const OBJECT_LOOK_SECONDS = { first: 5, longest: 60 } as const;

/** What a node does for a sandbox of the primary network, behind calls that nobody waits for. */
export const SANDBOX_STEP: ActivityOptions = {
  ...NODE,
  scheduleToStartTimeout: '2m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s', maximumAttempts: 10 },
};
export const SANDBOX_VERIFY: ActivityOptions = {
  ...NODE,
  scheduleToStartTimeout: '2m',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '30s', maximumAttempts: 6 },
};
/** Before each look, in seconds. */
export const SANDBOX_VERIFY_PAUSES: readonly number[] = [2, 4, 8, 16, 30, 30];
/** Between the tries of a step that goes on failing, in seconds. */
export const SANDBOX_PAUSE_SECONDS = 30;

/** One call of an activity of another team, which need not hear of a cancellation. */
export const HOOK: ActivityOptions = {
  startToCloseTimeout: '30s',
  scheduleToStartTimeout: '4s',
  cancellationType: 'TRY_CANCEL',
  retry: { maximumAttempts: 1 },
};
export const HOOK_PAUSE_SECONDS = { first: 1, longest: 300 } as const;
/** How long a run whose hooks of a DEL are over waits for its end. */
export const SANDBOX_LINGER = '2s';
