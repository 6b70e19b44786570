/**
 * The leases of a node as files of one folder, which the node's reboots leave where they are. One process at a time has the folder: the kernel
 * gives it to the next one when that process ends, however it ends.
 */
import { readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import { holderText, type Lease, type LeaseHolder } from '../../domain/primary/lease.ts';
import { LeaseTable, type DamagedLease, type LeaseRange, type WantedLease } from '../../domain/primary/leases.ts';
import { openFolder, UNFINISHED, writeDurably } from '../host/durable-file.ts';
import { claimName } from '../host/single-instance.ts';
import { holderFilePrefix, leaseContent, leaseFileName, parseLease, parseLeaseFileName } from './lease-file.ts';

export interface LeaseFilesOptions {
  /** Absolute path of a folder that holds nothing else; made when absent, mode 0700. */
  readonly dir: string;
  /** How long an address rests after its release. */
  readonly restMs: number;
  readonly ip: IpNumbers;
}

/** @throws Error when another process has the folder; the system's error when the disk refuses */
export async function openLeaseFiles(options: LeaseFilesOptions): Promise<LeaseStore> {
  const { dir } = options;
  const folder = await openFolder(dir);
  let claim: Server | undefined;
  try {
    const { dev, ino } = await folder.stat();
    claim = await claimName(`podwire-leases-${dev}-${ino}`);
    if (claim === undefined) throw new Error(`the leases in ${dir} are in the hands of another process`);
    const store = new LeaseFiles(options, folder, claim);
    await store.load();
    return store;
  } catch (error) {
    claim?.close();
    await folder.close();
    throw error;
  }
}

const READ_AT_ONCE = 16;

class LeaseFiles implements LeaseStore {
  readonly #dir: string;
  readonly #ip: IpNumbers;
  readonly #folder: FileHandle;
  readonly #claim: Server;
  readonly #table: LeaseTable;
  /** Holders whose lease is not on the disk as it is in the table. */
  readonly #unsaved = new Set<string>();
  readonly #last = new Map<string, Promise<unknown>>();
  #strangers: readonly string[] = [];

  constructor({ dir, ip, restMs }: LeaseFilesOptions, folder: FileHandle, claim: Server) {
    this.#dir = dir;
    this.#ip = ip;
    this.#folder = folder;
    this.#claim = claim;
    this.#table = new LeaseTable(restMs);
  }

  get strangers(): readonly string[] {
    return this.#strangers;
  }

  leases(): readonly Lease[] {
    return this.#table.leases();
  }

  damaged(): readonly DamagedLease[] {
    return this.#table.damaged();
  }

  async load(): Promise<void> {
    const names = await readdir(this.#dir);
    const unfinished = names.filter((name) => name.startsWith(UNFINISHED));
    for (const name of unfinished) await rm(join(this.#dir, name), { force: true });
    const others = names.filter((name) => !name.startsWith(UNFINISHED));
    const found = await allWithLimit(others, READ_AT_ONCE, (name) => this.#read(name));
    this.#strangers = others.filter((_, index) => found[index] === undefined);
    const known = found.filter((each) => each !== undefined);
    const leases = known.filter((each): each is Lease => !('why' in each));
    const damaged = known.filter((each): each is DamagedLease => 'why' in each);
    await this.#removeAll(this.#table.load(leases, damaged, nowMs()));
  }

  allocate(wanted: WantedLease, ranges: readonly LeaseRange[]): Promise<Lease> {
    return this.#inTurn(wanted, async (holder) => {
      // Before the table has it: what can be no file would never be released.
      holderFilePrefix(wanted);
      const { lease, isKnown, over } = this.#table.allocate(wanted, ranges, nowMs());
      await this.#removeAll(over);
      if (!isKnown) this.#unsaved.add(holder);
      await this.#save(holder, lease);
      return lease;
    });
  }

  release(wanted: LeaseHolder): Promise<Lease | undefined> {
    return this.#inTurn(wanted, async (holder) => {
      const released = this.#table.release(wanted, nowMs());
      if (released === undefined) return undefined;
      if (!released.isKnown) this.#unsaved.add(holder);
      await this.#save(holder, released.lease);
      if (released.wasDamaged === true) await this.#removeOthers(released.lease);
      return released.lease;
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#last.values());
    await this.#folder.close();
    this.#claim.close();
  }

  async #read(name: string): Promise<Lease | DamagedLease | undefined> {
    const named = parseLeaseFileName(name, this.#ip);
    if (named === undefined) return undefined;
    try {
      return parseLease(await readFile(join(this.#dir, name), 'utf8'), named, this.#ip);
    } catch (error) {
      return { ...named, why: String(error) };
    }
  }

  async #save(holder: string, lease: Lease): Promise<void> {
    if (!this.#unsaved.has(holder)) return;
    const name = leaseFileName(lease, this.#ip);
    await writeDurably(this.#dir, this.#folder, name, leaseContent(lease, this.#ip));
    this.#unsaved.delete(holder);
  }

  /**
   * Of leases that are forgotten. Whether and when the disk forgets them does not matter: a released lease whose rest is over keeps its address
   * from nobody, even beside another one of the same address.
   */
  async #removeAll(leases: readonly Lease[]): Promise<void> {
    const names = leases.map((lease) => leaseFileName(lease, this.#ip));
    await Promise.allSettled(names.map((name) => rm(join(this.#dir, name), { force: true })));
  }

  /** What else the disk has of the holder: a lease that could not be read may have had several files. */
  async #removeOthers(lease: Lease): Promise<void> {
    const [prefix, own] = [holderFilePrefix(lease), leaseFileName(lease, this.#ip)];
    const names = await readdir(this.#dir);
    const others = names.filter((name) => name.startsWith(prefix) && name !== own);
    await Promise.all(others.map((name) => rm(join(this.#dir, name), { force: true })));
  }

  #inTurn<T>(wanted: LeaseHolder, work: (holder: string) => Promise<T>): Promise<T> {
    const holder = holderText(wanted);
    const turn = (this.#last.get(holder) ?? Promise.resolve()).then(
      () => work(holder),
      () => work(holder),
    );
    this.#last.set(holder, turn);
    const forget = (): void => {
      if (this.#last.get(holder) === turn) this.#last.delete(holder);
    };
    turn.then(forget, forget);
    return turn;
  }
}

/** Milliseconds since 1970 that never go back while the process lives, whatever is done to the machine's clock. */
const nowMs = (): number => Math.round(performance.timeOrigin + performance.now());
