/**
 * GC (CNI SPEC 1.1, section 4): plugins of the networks that this node has had attachments of are told, now and then, which are alive.
 * It is a help for plugins that use it, no substitute for DEL. A network is named by its configuration: two definitions may share a name.
 */
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import type { NetworkRef } from '../../../domain/network-selection.ts';
import type { CniAttachmentName } from '../../../domain/ports/cni-plugins.ts';
import type { AttachmentRecord, CniAttachmentRecord, Stored } from '../../../domain/records.ts';
import type { CniDeps } from '../deps.ts';
import type { SweepDeps } from './sweep-look.ts';

const PAUSE_MS = 5 * 60_000;

interface Known {
  readonly network: NetworkRef;
  readonly configText: string;
  readonly cniName: string;
}

type GcDeps = Pick<CniDeps, 'plugins' | 'journal' | 'networkLocks'> & Pick<SweepDeps, 'leftovers'>;

export class SweepGc {
  readonly #deps: GcDeps;
  readonly #onFailure: (network: NetworkRef, failure: unknown) => void;
  readonly #now: () => number;
  /** By configuration. */
  #known = new Map<string, Known>();
  #last = Number.NEGATIVE_INFINITY;

  constructor(
    deps: GcDeps,
    onFailure: (network: NetworkRef, failure: unknown) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#deps = deps;
    this.#onFailure = onFailure;
    this.#now = now;
  }

  due(): boolean {
    return this.#now() - this.#last >= PAUSE_MS;
  }

  /** Returns the names of the networks whose plugins had it. One that is busy or fails waits for the next time. */
  async run(records: readonly Stored<AttachmentRecord>[], signal: AbortSignal): Promise<string[]> {
    this.#last = this.#now();
    const attachments = records.flatMap(({ value }) => (value.kind === 'cni' ? [value] : []));
    const current = new Map(attachments.flatMap((record) => known(record)));
    // Those whose last attachment has gone get it once more.
    const all = new Map([...this.#known, ...current]);
    this.#known = current;
    const done: string[] = [];
    for (const each of all.values()) {
      const others = [...all.values()].filter(({ cniName }) => cniName === each.cniName).map(({ network }) => network);
      try {
        const told = await alone(this.#deps, distinct([each.network, ...others]), async () => {
          const valid = await this.#valid(each.cniName, attachments);
          return this.#deps.plugins.gc(each.configText, each.network.name, valid, signal);
        });
        if (told === true) done.push(each.cniName);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#onFailure(each.network, error);
      }
    }
    return [...new Set(done)];
  }

  /** Everything that anybody may still have: records, what was begun here, and other runtimes' attachments to a network of that name. */
  async #valid(cniName: string, records: readonly CniAttachmentRecord[]): Promise<CniAttachmentName[]> {
    const [{ entries }, cached] = await Promise.all([this.#deps.journal.list(), this.#deps.leftovers.cacheFiles()]);
    // What was made with an older definition is there until it is made anew.
    const own = records.filter((record) =>
      [record, record.madeWith ?? record].some(
        ({ configText, network }) => nameOf(configText, network.name) === cniName,
      ),
    );
    const begun = entries.filter(({ call }) => nameOf(call.configText, call.networkName) === cniName);
    const all = [...own, ...begun.map(({ call }) => call), ...cached.filter(({ network }) => network === cniName)];
    return [
      ...new Map(
        all.map(({ sandboxId, interfaceName }) => [`${sandboxId}/${interfaceName}`, { sandboxId, interfaceName }]),
      ).values(),
    ];
  }
}

function known({ network, configText }: CniAttachmentRecord): [string, Known][] {
  const cniName = nameOf(configText, network.name);
  return cniName === undefined ? [] : [[configText, { network, configText, cniName }]];
}

/** Undefined when the configuration cannot be read, or is older than GC. */
function nameOf(configText: string, networkName: string): string | undefined {
  const parsed = parseNetworkConfig(configText, networkName);
  return parsed.ok && parsed.config.cniVersion >= '1.1.0' ? parsed.config.name : undefined;
}

const distinct = (networks: readonly NetworkRef[]): NetworkRef[] => [
  ...new Map(networks.map((network) => [`${network.scope}/${network.name}`, network])).values(),
];

/** Runs `work` with all these networks to itself, or not at all. */
function alone<T>(
  deps: GcDeps,
  [first, ...rest]: readonly NetworkRef[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  return first === undefined ? work() : deps.networkLocks.ifIdle(first, () => alone(deps, rest, work));
}
