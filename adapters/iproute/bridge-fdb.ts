/** Forwarding entries and static neighbours of links in network namespaces: `bridge fdb` and `ip neigh`, in batches. */
import { ROUTE_PROTOCOL, fdbVerb, linkName } from '../links/link-values.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { FdbChange } from '../../domain/forwarding/fdb.ts';
import { neighbourDifference, type Neighbour, type NeighbourChange } from '../../domain/forwarding/neighbours.ts';
import type { ForwardingOutcome, LinkChange, NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { RunResult } from '../process/child.ts';
import { ABSENT_LINK, failedLines, unknownOutcome } from './batch-errors.ts';
import type { RunInMany, RunInside } from './kernel.ts';
import { fdbLine, forgetLine, neighbourLine } from './lines.ts';
import { inAll } from './many-changes.ts';
import { parseFdb, parseNeighbours } from './views.ts';

/** 10,000 flood entries take 0.33 s; a kernel that hangs must not hold the activity's slot. */
const TIMEOUT_MS = 8_000;
const ABSENT = /No such (file|process)/i;
/** Somebody in the pod removes neighbours while we do: looked at again this often. */
const NEIGHBOUR_ROUNDS = 3;

type Forwarding = Pick<
  NetnsKernel,
  'readFdb' | 'changeFdbs' | 'readNeighbours' | 'changeNeighbours' | 'forgetNeighbours'
>;
type Program = 'ip' | 'bridge';

/** @param many absent: each namespace has a call of its own */
export function createForwarding(inside: RunInside, many?: RunInMany): Forwarding {
  const batch = (program: Program, netns: OpenNetns, lines: readonly string[]): Promise<RunResult> =>
    inside(netns, { program, args: ['-force', '-batch', '-'], lines, timeoutMs: TIMEOUT_MS });

  async function fdbAlone(
    { netns, link }: LinkChange<FdbChange>,
    lines: readonly string[],
  ): Promise<ForwardingOutcome> {
    if (lines.length === 0) return 'applied';
    const result = await batch('bridge', netns, lines);
    return fdbOutcome(link, lines, result);
  }

  async function forgottenAlone(
    { netns, link }: LinkChange<readonly string[]>,
    lines: readonly string[],
  ): Promise<ForwardingOutcome> {
    const result = await batch('ip', netns, lines);
    if (result.code === 0) return 'applied';
    if (ABSENT_LINK.test(result.stderr)) return 'link-absent';
    throw unknownOutcome(`ip neigh flush on ${link}`, result);
  }

  /** ip ends the whole batch at a neighbour that is not there, without saying which: then what is there decides. */
  async function neighboursAlone({ netns, link, change }: LinkChange<NeighbourChange>): Promise<ForwardingOutcome> {
    let rest = change;
    for (let round = 1; ; round += 1) {
      const lines = neighbourLines(link, rest);
      if (lines.length === 0) return 'applied';
      const result = await batch('ip', netns, lines);
      if (result.code === 0) return 'applied';
      if (ABSENT_LINK.test(result.stderr)) return 'link-absent';
      if (!ABSENT.test(result.stderr) || round === NEIGHBOUR_ROUNDS)
        throw unknownOutcome(`ip neigh on ${link}`, result);
      const present = await readNeighbours(netns, link);
      if (present === undefined) return 'link-absent';
      const { set } = neighbourDifference(present, rest.set);
      const there = new Set(present.map(({ address }) => address));
      rest = { set, remove: rest.remove.filter(({ address }) => there.has(address)) };
    }
  }

  async function readNeighbours(netns: OpenNetns, link: string): Promise<Neighbour[] | undefined> {
    const which = ['nud', 'permanent', 'proto', String(ROUTE_PROTOCOL)];
    const args = ['-j', 'neigh', 'show', 'dev', linkName(link), ...which];
    const result = await inside(netns, { program: 'ip', args, timeoutMs: TIMEOUT_MS });
    if (result.code === 0 && !result.truncated) return parseNeighbours(result.stdout);
    if (ABSENT_LINK.test(result.stderr)) return undefined;
    throw unknownOutcome(`ip neigh show dev ${link}`, result);
  }

  return {
    async readFdb(netns, link) {
      const args = ['-j', 'fdb', 'show', 'dev', linkName(link)];
      const result = await inside(netns, { program: 'bridge', args, timeoutMs: TIMEOUT_MS });
      if (result.code === 0 && !result.truncated) return parseFdb(result.stdout);
      if (ABSENT_LINK.test(result.stderr)) return undefined;
      throw unknownOutcome(`bridge fdb show dev ${link}`, result);
    },
    changeFdbs: (changes) => inAll(many, 'bridge', changes, fdbLines, fdbAlone),
    readNeighbours,
    forgetNeighbours: (changes) => inAll(many, 'ip', changes, forgetLines, forgottenAlone),
    changeNeighbours: (changes) => inAll(many, 'ip', changes, neighbourLines, neighboursAlone),
  };
}

/** Additions first: a destination that is replaced is never missing. */
function fdbLines(link: string, change: FdbChange): string[] {
  return [
    ...change.add.map((entry) => fdbLine(fdbVerb(entry), link, entry)),
    ...change.remove.map((entry) => fdbLine('delete', link, entry)),
  ];
}

const forgetLines = (link: string, addresses: readonly string[]): string[] =>
  addresses.map((one) => forgetLine(link, one));

const neighbourLines = (link: string, change: NeighbourChange): string[] => [
  ...change.set.map((neighbour) => neighbourLine('replace', link, neighbour)),
  ...change.remove.map((neighbour) => neighbourLine('delete', link, neighbour)),
];

function fdbOutcome(link: string, lines: readonly string[], result: RunResult): ForwardingOutcome {
  if (result.code === 0) return 'applied';
  const failed = failedLines(result.stderr);
  if (result.timedOut || result.aborted || failed.length === 0)
    throw unknownOutcome(`bridge -batch on ${link}`, result);
  for (const { line, message } of failed) {
    if (ABSENT_LINK.test(message)) return 'link-absent';
    const verb = lines[line - 1]?.split(' ')[1];
    const done = verb === 'append' ? /File exists/i.test(message) : verb === 'delete' && ABSENT.test(message);
    if (!done) throw new PodwireError('CommandFailed', `bridge fdb ${verb ?? ''} on ${link}, line ${line}: ${message}`);
  }
  return 'applied';
}
