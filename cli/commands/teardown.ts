/**
 * `podwire teardown`: takes everything that podwire made out of the cluster, by the same runs that detach otherwise. A flag in etcd says that
 * no pod asks for anything any more; it outlives this command, so that a teardown can be interrupted, watched and repeated.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { etcdSettings } from '../../config/etcd.ts';
import * as keys from '../../domain/keys.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { AttachmentRecord, FailureRecord } from '../../domain/records.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { textTable } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';

const table = etcdSettings;

interface TeardownOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly undo?: boolean;
  readonly purge?: boolean;
  readonly wait: string;
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
  addSettings(command, table).action(teardown);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function teardown(options: TeardownOptions, command: Command): Promise<void> {
  const settings = settingsOf(command, table);
  const waitSeconds = Number(options.wait);
  if (!Number.isInteger(waitSeconds) || waitSeconds < 1)
    throw new UsageError(`--wait ${JSON.stringify(options.wait)}: allowed are whole seconds from 1`);
  await withEtcd(settings, async (etcd) => {
    if (options.undo === true) return undo(etcd);
    const before = await attachments(etcd);
    if (options.dryRun === true) {
      say(before.length === 0 ? 'nothing is attached' : perNode(before));
      process.exitCode = before.length === 0 ? 0 : EXIT_REMAINS;
      return;
    }
    if (options.yes !== true) {
      throw new UsageError(
        `this takes ${before.length} interfaces out of running pods, all that podwire made; look first (--dry-run), then add --yes`,
      );
    }
    const { setTeardown } = await import('../../adapters/etcd/store-state.ts');
    await setTeardown(etcd, new Date().toISOString());
    say('podwire attaches nothing any more (podwire teardown --undo takes that back)');
    const left = await waitForEnd(etcd, waitSeconds * 1_000);
    if (left.length > 0) return tellLeft(etcd, left, waitSeconds);
    await removeRecords(etcd, options.purge === true);
    say(
      "nothing of podwire's is attached any more; now remove its workloads: kubectl delete -k … -l app.kubernetes.io/part-of=podwire",
    );
  });
}

async function undo(etcd: Etcd): Promise<void> {
  const { unsetTeardown } = await import('../../adapters/etcd/store-state.ts');
  // A pod whose converged record says that its desired networks are carried out would be passed over.
  await removeKeys(etcd, await etcd.keys(keys.convergedPrefix()));
  await unsetTeardown(etcd);
  say('podwire attaches again what pods ask for, within seconds');
}

/** Says how far it is when that changes, at most every two seconds. */
async function waitForEnd(etcd: Etcd, limitMs: number): Promise<readonly AttachmentRecord[]> {
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

async function tellLeft(etcd: Etcd, left: readonly AttachmentRecord[], waitedSeconds: number): Promise<void> {
  const { failureSchema, parseEntry } = await import('../../adapters/etcd/schemas.ts');
  const why = async ({ podUid, interfaceName, node }: AttachmentRecord): Promise<string> => {
    const entry = await etcd.get(keys.failureKey(podUid, interfaceName));
    if (entry === undefined) return `no answer yet; does the podwire worker of ${node} run?`;
    const { code, message }: FailureRecord = parseEntry(failureSchema, entry);
    return `${code}: ${message}`;
  };
  const rows = await Promise.all(
    left.slice(0, SHOWN).map(async (record) => {
      const { node, namespace, name, interfaceName, network } = record;
      return [node, `${namespace}/${name}`, interfaceName, networkKey(network), await why(record)];
    }),
  );
  process.stdout.write(textTable(['node', 'pod', 'interface', 'network', 'why'], rows));
  if (left.length > SHOWN) say(`and ${left.length - SHOWN} more`);
  say(`after ${waitedSeconds} s this is left; podwire goes on with it. Repeat this command to watch it on`);
  process.exitCode = EXIT_REMAINS;
}

/** What running workers publish of themselves and of their nodes stays until a purge: they would only write it again. */
const KEPT = ['sandboxes/', 'nodes/', 'node-configs/', 'orchestrators/', 'store/', 'teardown'].map(
  (each) => `${keys.rootPrefix()}${each}`,
);

async function removeRecords(etcd: Etcd, everything: boolean): Promise<void> {
  const all = await etcd.keys(keys.rootPrefix());
  const going = everything ? all : all.filter((key) => !KEPT.some((kept) => key.startsWith(kept)));
  await removeKeys(etcd, going);
  say(`removed ${going.length} records from podwire's etcd`);
}

const KEYS_AT_ONCE = 100;

async function removeKeys(etcd: Etcd, going: readonly string[]): Promise<void> {
  for (let at = 0; at < going.length; at += KEYS_AT_ONCE)
    await etcd.transact(
      [],
      going.slice(at, at + KEYS_AT_ONCE).map((remove) => ({ remove })),
    );
}
