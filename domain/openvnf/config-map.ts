/** The ConfigMap that declares networks for the cluster: key = network name, value = its options. */
import type { SelectionProblem } from '../network-selection.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { Compatibility } from '../settings.ts';
import { DEFAULT_DST_PORT } from '../vxlan/vxlan.ts';
import { isNetworkName, NETWORK_NAME_RULE } from './names.ts';
import { readOptions, type NetworkOptions, type OptionsRead } from './options.ts';
import { problem } from './problems.ts';
import { wordsOf } from './tokens.ts';

const MAX_ENTRY_LENGTH = 8192;

export interface DeclaredNetworks {
  readonly networks: ReadonlyMap<string, NetworkOptions>;
  /** Oddities of entries, by network; networks without any are absent. */
  readonly warnings: ReadonlyMap<string, readonly SelectionProblem[]>;
  /** Entries with a mistake, each with all of its mistakes; they harm no other network. */
  readonly broken: ReadonlyMap<string, readonly SelectionProblem[]>;
  /** `<port>/<id>` → names of the declared networks with that identity, sorted; entries with another mistake count too. */
  readonly identities: ReadonlyMap<string, readonly string[]>;
}

export const NOTHING_DECLARED: DeclaredNetworks = {
  networks: new Map(),
  warnings: new Map(),
  broken: new Map(),
  identities: new Map(),
};

export const identityKey = (dstPort: number, id: number): string => `${dstPort}/${id}`;

/**
 * Reads a ConfigMap's `data`; never throws. A value is `id=100 up dev=tun0`, words separated by white space, or a bare number
 * (the oldest format). The order of keys does not matter.
 */
export function parseConfigMap(
  data: Readonly<Record<string, string>>,
  ip: IpCodec,
  compatibility: Compatibility = 'podwire',
): DeclaredNetworks {
  const oddities = new Map<string, readonly SelectionProblem[]>();
  const networks = new Map<string, NetworkOptions>();
  const broken = new Map<string, readonly SelectionProblem[]>();
  const identities = new Map<string, string[]>();
  for (const [name, text] of Object.entries(data).sort(byName)) {
    const { options, problems, warnings } = readEntry(name, text, ip, compatibility);
    if (warnings.length > 0) oddities.set(name, warnings);
    if (problems.length > 0) broken.set(name, problems);
    else networks.set(name, options);
    if (options.id === undefined) continue;
    const identity = identityKey(options.dstPort ?? DEFAULT_DST_PORT, options.id);
    identities.set(identity, [...(identities.get(identity) ?? []), name]);
  }
  return { networks, warnings: oddities, broken, identities };
}

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1);

function readEntry(
  network: string,
  text: string,
  ip: IpCodec,
  compatibility: Compatibility,
): Omit<OptionsRead, 'keep'> {
  if (!isNetworkName(network, compatibility)) {
    return {
      options: {},
      warnings: [],
      problems: [problem('InvalidNetworkName', { network }, `is no network name; ${NETWORK_NAME_RULE}`)],
    };
  }
  if (text.length > MAX_ENTRY_LENGTH) {
    const why = `its ConfigMap entry has ${text.length} characters; allowed: at most ${MAX_ENTRY_LENGTH}`;
    return { options: {}, problems: [problem('EntryTooLong', { network }, why)], warnings: [] };
  }
  return readOptions(wordsOf(text), { kind: 'config-map', network, ip, compatibility });
}
