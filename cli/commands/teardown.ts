/**
 * `podwire teardown`: takes everything that podwire made out of the cluster, by the same runs that detach otherwise. A flag in etcd says that
 * no pod asks for anything any more; it outlives this command, so that a teardown can be interrupted, watched and repeated.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { etcdSettings } from '../../config/etcd.ts';
import * as keys from '../../domain/keys.ts';
import { objectText } from '../../domain/network-objects/network-object.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { AttachmentRecord, FailureRecord } from '../../domain/records.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { textTable } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';

const table = etcdSettings;

interface TeardownOptions extends OutputOption {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly undo?: boolean;
  readonly purge?: boolean;
  readonly wait: string;
}

/** What is still attached, or was found attached by a dry run. */
export interface LeftAttachment {
  readonly node: string;
  readonly pod: string;
  readonly interface: string;
  readonly network: string;
  readonly kind: AttachmentRecord['kind'];
  /** Why it is not detached. */
  readonly why?: string;
}

/** For programs. `dry-run`: nothing was changed. */
interface TeardownAnswer {
  readonly state: 'dry-run' | 'detached' | 'waiting' | 'undone';
  readonly left: readonly LeftAttachment[];
  /** Network objects that podwire still keeps from going. */
  readonly objects?: readonly string[];
  /** Records that were removed from etcd. */
  readonly removed?: number;
}

const LOOK_MS = 1_000;
const SAY_MS = 2_000;
const EXIT_REMAINS = 3;
/** Rows that fit a screen. */
const SHOWN = 20;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('teardown')
    .description(
      'Detaches everything that podwire made, on all nodes, and keeps it so until --undo. Needs podwire running. Can be repeated. ' +
        'Exit code 0: nothing is left; 3: something is (dry run, or the wait is over).',
    )
    .option('--dry-run', 'say what would be detached, change nothing')
    .option('--yes', 'really detach the networks of all pods')
    .option('--wait <seconds>', 'wait so long for the end', '600')
    .option('--undo', 'podwire attaches again what pods ask for')
    .option('--purge', "remove what else podwire has in etcd; only once podwire's workloads are deleted");
  addSettings(addOutput(command), table).action(teardown);
}

/** How far it is: part of the answer for people, beside the answer for programs. */
type Say = (line: string) => void;
const sayTo =
  (stream: NodeJS.WritableStream): Say =>
  (line) =>
    void stream.write(`${line}\n`);

async function teardown(options: TeardownOptions, command: Command): Promise<void> {
  const settings = settingsOf(command, table);
  const waitSeconds = Number(options.wait);
  if (!Number.isInteger(waitSeconds) || waitSeconds < 1)
    throw new UsageError(`--wait ${JSON.stringify(options.wait)}: allowed are whole seconds from 1`);
  const isText = options.output === 'text';
  const say = sayTo(isText ? process.stdout : process.stderr);
  const answer = await withEtcd(settings, (etcd) => carriedOut(etcd, options, waitSeconds, say));
  if (answer.left.length > 0 || answer.objects !== undefined) process.exitCode = EXIT_REMAINS;
  if (!isText) await print(answer, options, () => '');
}

async function carriedOut(
  etcd: Etcd,
  options: TeardownOptions,
  waitSeconds: number,
  say: Say,
): Promise<TeardownAnswer> {
  if (options.undo === true) return undo(etcd, say);
  const before = await attachments(etcd);
  if (options.dryRun === true) {
    say(before.length === 0 ? 'nothing is attached' : perNode(before));
    return { state: 'dry-run', left: before.map(leftOf) };
  }
  if (options.yes !== true) {
    throw new UsageError(
      `this takes ${before.length} interfaces out of running pods, all that podwire made; look first (--dry-run), then add --yes`,
    );
  }
  const { setTeardown } = await import('../../adapters/etcd/store-state.ts');
  await setTeardown(etcd, new Date().toISOString());
  say('podwire attaches nothing any more (podwire teardown --undo takes that back)');
  const until = performance.now() + waitSeconds * 1_000;
  const records = await waitForEnd(etcd, waitSeconds * 1_000, say);
  if (records.length > 0) {
    const left = await withReasons(etcd, records);
    say(leftText(left, waitSeconds));
    return { state: 'waiting', left };
  }
  // Who purges has deleted the workloads: nobody is left who could let objects go.
  const objects = options.purge === true ? [] : await waitForObjects(etcd, until, say);
  if (objects.length > 0) {
    say(`after ${waitSeconds} s podwire still keeps ${objectsText(objects)}; repeat this command to watch it on`);
    return { state: 'waiting', left: [], objects };
  }
  const removed = await removeRecords(etcd, options.purge === true);
  say(`removed ${removed} records from podwire's etcd`);
  say(
    "nothing of podwire's is attached any more; now remove its workloads: kubectl delete -k … -l app.kubernetes.io/part-of=podwire",
  );
  say(`before that, this must print nothing where there are network objects:\n  ${FINALIZERS_LEFT}`);
  return { state: 'detached', left: [], removed };
}

async function undo(etcd: Etcd, say: Say): Promise<TeardownAnswer> {
  const { unsetTeardown } = await import('../../adapters/etcd/store-state.ts');
  // A pod whose converged record says that its desired networks are carried out would be passed over.
  await removeKeys(etcd, await etcd.keys(keys.convergedPrefix()));
  await unsetTeardown(etcd);
  say('podwire attaches again what pods ask for, within seconds');
  return { state: 'undone', left: [] };
}

/** Says how far it is when that changes, at most every two seconds. */
async function waitForEnd(etcd: Etcd, limitMs: number, say: Say): Promise<readonly AttachmentRecord[]> {
  const startedAt = performance.now();
  let said = '';
  let saidAt = -Infinity;
  for (;;) {
    const left = await attachments(etcd);
    const now = performance.now();
    const text = left.length === 0 ? 'everything is detached' : perNode(left);
    if (text !== said && (left.length === 0 || now - saidAt >= SAY_MS)) {
      say(`[${((now - startedAt) / 1_000).toFixed(0)} s] ${text}`);
      [said, saidAt] = [text, now];
    }
    if (left.length === 0 || now - startedAt > limitMs) return left;
    await sleep(LOOK_MS);
  }
}

/** Objects without a VNI have no key in etcd, and only the API knows of their finalizers. docs/operations.md has the same command. */
export const FINALIZERS_LEFT =
  'kubectl get networks.podwire.io,clusternetworks.podwire.io -A -o jsonpath=\'{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.finalizers}{"\\n"}{end}\' | grep podwire.io/network';

/**
 * Waits until the runs of network objects have given up their VNIs, right before they take podwire's finalizer off.
 * @param until as `performance.now()` has it
 * @returns those that still hold something
 */
export async function waitForObjects(etcd: Pick<Etcd, 'list'>, until: number, say: Say): Promise<readonly string[]> {
  const { holdingObjects } = await import('../../adapters/etcd/network-holds.ts');
  let said = '';
  for (;;) {
    const objects = (await holdingObjects(etcd)).map(objectText);
    const text = objectsText(objects);
    if (objects.length > 0 && text !== said) say(`podwire lets network objects go: ${text}`);
    said = text;
    if (objects.length === 0 || performance.now() > until) return objects;
    await sleep(LOOK_MS);
  }
}

function objectsText(objects: readonly string[]): string {
  const more = objects.length > SHOWN ? ` and ${objects.length - SHOWN} more` : '';
  return `${objects.slice(0, SHOWN).join(', ')}${more}`;
}

/** @throws PodwireError RecordInvalid: what cannot be read cannot be detached either, so it is named */
async function attachments(etcd: Etcd): Promise<readonly AttachmentRecord[]> {
  const { attachmentSchema, parseEntry } = await import('../../adapters/etcd/schemas.ts');
  const { entries } = await etcd.list(keys.attachmentsPrefix());
  return entries.map((entry) => parseEntry(attachmentSchema, entry));
}

function perNode(left: readonly AttachmentRecord[]): string {
  const counts = new Map<string, { vxlan: number; cni: number }>();
  for (const { node, kind } of left) {
    const count = counts.get(node) ?? { vxlan: 0, cni: 0 };
    counts.set(node, { ...count, [kind]: count[kind] + 1 });
  }
  const nodes = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return `left: ${nodes.map(([node, { vxlan, cni }]) => `${node}: ${vxlan} VXLAN, ${cni} CNI`).join('; ')}`;
}

const leftOf = ({ node, namespace, name, interfaceName, network, kind }: AttachmentRecord): LeftAttachment => ({
  ...{ node, pod: `${namespace}/${name}`, interface: interfaceName, network: networkKey(network), kind },
});

/** Reasons of the first ones only: each is a read of its own. */
async function withReasons(etcd: Etcd, left: readonly AttachmentRecord[]): Promise<LeftAttachment[]> {
  const { failureSchema, parseEntry } = await import('../../adapters/etcd/schemas.ts');
  const why = async ({ podUid, interfaceName, node }: AttachmentRecord): Promise<string> => {
    const entry = await etcd.get(keys.failureKey(podUid, interfaceName));
    if (entry === undefined) return `no answer yet; does the podwire worker of ${node} run?`;
    const { code, message }: FailureRecord = parseEntry(failureSchema, entry);
    return `${code}: ${message}`;
  };
  const told = await Promise.all(left.slice(0, SHOWN).map(async (each) => ({ ...leftOf(each), why: await why(each) })));
  return [...told, ...left.slice(SHOWN).map(leftOf)];
}

/** For people. */
export function leftText(left: readonly LeftAttachment[], waitedSeconds: number): string {
  const rows = left.slice(0, SHOWN).map((each) => [each.node, each.pod, each.interface, each.network, each.why ?? '']);
  const more = left.length > SHOWN ? `and ${left.length - SHOWN} more\n` : '';
  const table = textTable(['node', 'pod', 'interface', 'network', 'why'], rows);
  return `${table}${more}after ${waitedSeconds} s this is left; podwire goes on with it. Repeat this command to watch it on`;
}

/** What running workers publish of themselves and of their nodes stays until a purge: they would only write it again. */
const KEPT = ['sandboxes/', 'nodes/', 'node-configs/', 'orchestrators/', 'store/', 'teardown'].map(
  (each) => `${keys.rootPrefix()}${each}`,
);

/** @returns how many */
async function removeRecords(etcd: Etcd, everything: boolean): Promise<number> {
  const all = await etcd.keys(keys.rootPrefix());
  const going = everything ? all : all.filter((key) => !KEPT.some((kept) => key.startsWith(kept)));
  await removeKeys(etcd, going);
  return going.length;
}

const KEYS_AT_ONCE = 100;

async function removeKeys(etcd: Etcd, going: readonly string[]): Promise<void> {
  for (let at = 0; at < going.length; at += KEYS_AT_ONCE)
    await etcd.transact(
      [],
      going.slice(at, at + KEYS_AT_ONCE).map((remove) => ({ remove })),
    );
}
