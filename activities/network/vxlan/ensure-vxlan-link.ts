/** Makes an attachment's link be there exactly once, filled with its network's members before it goes up. */
import { addressOf } from '../../../domain/text/cidr.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { ownerOf } from '../../../domain/vxlan/link-alias.ts';
import { linkWith } from '../../../domain/network-objects/network-pool.ts';
import type { LinkView, NetnsView } from '../../../domain/vxlan/link-observation.ts';
import { planLink, type LinkPlan, type DesiredLink } from '../../../domain/vxlan/link-plan.ts';
import type { OpenNetns } from '../../../domain/ports/link-kernel.ts';
import { hearsRouters } from '../../../domain/vxlan/hears-routers.ts';
import type { LinkResult, StepFailure, VxlanAttachmentRecord } from '../../../domain/records.ts';
import type { GivenToLink } from '../../../domain/vxlan/vxlan.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { allEnded } from '../../concurrency/all-ended.ts';
import type { LinkDeps } from '../deps.ts';
import type { LockedDevice } from '../forwarding/fdb-devices.ts';
import { readFenced, underSandboxLock } from '../fenced-record.ts';
import type { LinkInput } from '../network-contract.ts';
import { requireNoPredecessor } from '../predecessor.ts';

/** One for the work, one for side effects such as secondary addresses that the kernel removed with their primary, one to spare. */
const MAX_ROUNDS = 3;

export function ensureVxlanLink(deps: LinkDeps, input: LinkInput, signal: AbortSignal): Promise<LinkResult> {
  return underSandboxLock(deps, input, async () => {
    const reading = readFenced(deps, input, 'vxlan', ['intent', 'attached']);
    const netns = await deps.netnsResolver.open(input, reading, signal);
    try {
      const record = await reading;
      await requireNoPredecessor(deps, record);
      const result = await deps.fdb.withDevice(record, (device) => converge(deps, record, netns, device));
      await deps.addresses?.settled(record);
      return result;
    } finally {
      await netns.close();
    }
  });
}

interface Wanted {
  readonly spec: DesiredLink;
  readonly given: GivenToLink | undefined;
}

async function desiredOf(
  { temporaryName, addresses, failpoints }: LinkDeps,
  record: VxlanAttachmentRecord,
  view: NetnsView,
): Promise<Wanted> {
  const given = await addresses?.give(record, view);
  await failpoints.hit('ensureVxlanLink:after-addresses');
  const { generation, vtep, interfaceName, result } = record;
  const link = linkWith(record.link, given);
  const podUid = uidInRuntime(record);
  const spec = {
    ...{ link, podUid, generation, vtep },
    ...macOf(link.mac ?? record.keptMac ?? result?.mac),
    temporaryName: temporaryName(podUid, interfaceName),
  };
  return { spec, given };
}

const macOf = (mac: string | undefined): Pick<DesiredLink, 'mac'> => (mac === undefined ? {} : { mac });

type Work = Exclude<LinkPlan, { kind: 'same' | 'conflict' }>;

async function converge(
  deps: LinkDeps,
  record: VxlanAttachmentRecord,
  netns: OpenNetns,
  device: LockedDevice,
): Promise<LinkResult> {
  // What is in the kernel now decides, not what an earlier attempt remembered.
  device.forget();
  let view = await deps.kernel.observe(netns);
  await deps.failpoints.hit('ensureVxlanLink:after-observe');
  const { spec, given } = await desiredOf(deps, record, view);
  let before: LinkResult['before'] | undefined;
  let filled = false;
  let warning = record.result?.warning;
  for (let round = 0; ; round += 1) {
    const plan = planLink(view, spec);
    if (plan.kind === 'same') break;
    if (plan.kind === 'conflict') throw new PodwireError(plan.code, plan.reason);
    if (round === MAX_ROUNDS) throw doesNotStay(record.interfaceName, plan.kind, round);
    before ??= plan.before;
    const made = await carryOut(deps, netns, device, plan, adopts(plan, view));
    filled ||= made.filled;
    if (made.filled || made.warning !== undefined) warning = made.warning;
    view = made.view;
  }
  const link = view.links.find(({ name }) => name === record.interfaceName) as LinkView;
  if (!filled) await device.sync(netns, isAdopted(link));
  await deps.failpoints.hit('ensureVxlanLink:after-fill');
  return {
    ...resultOf(link, record.result?.before ?? before, given),
    ...sourcesOf(view, record),
    ...(warning === undefined ? {} : { warning }),
  };
}

/** Whether the link that the plan is about was there before podwire. */
const adopts = ({ kind, fillAs }: Work, { links }: NetnsView): boolean =>
  kind === 'adopt' || links.some((link) => link.name === fillAs && isAdopted(link));

const doesNotStay = (name: string, needed: string, times: number): PodwireError =>
  new PodwireError('CommandFailed', `${name} does not stay as it was set; ${needed} was needed ${times} times`);

const isAdopted = ({ alias }: LinkView): boolean => ownerOf(alias)?.adopted === true;

/** @param before what had the interface's name, as far as it is known */
function resultOf(
  link: LinkView,
  before: LinkResult['before'] | undefined,
  given: GivenToLink | undefined,
): LinkResult {
  const adopted = isAdopted(link);
  return {
    ifindex: link.ifindex,
    mac: link.mac,
    mtu: link.mtu,
    addresses: link.addresses.filter(({ linkLocal }) => !linkLocal).map(({ cidr }) => cidr),
    adopted,
    before: before ?? (adopted ? 'foreign-compatible' : 'absent'),
    ...(given === undefined ? {} : { given }),
  };
}

/** The kernel sends IPv4 from an address of the parent, whatever the pod's is; for IPv6 the link is told where from. */
function sourcesOf({ links }: NetnsView, { link, vtep }: VxlanAttachmentRecord): Pick<LinkResult, 'sendsFrom'> {
  if (vtep.includes(':')) return {};
  const parent = links.find(({ name }) => name === link.parent);
  const addresses = (parent?.addresses ?? []).map(({ cidr }) => addressOf(cidr)).filter((one) => !one.includes(':'));
  return addresses.length === 0 || addresses.includes(vtep) ? {} : { sendsFrom: addresses };
}

interface CarriedOut {
  readonly view: NetnsView;
  readonly filled: boolean;
  readonly warning?: StepFailure | undefined;
}

/**
 * A link that goes up is filled before, also one that a killed worker made; while that is done, router advertisements are refused: they touch
 * different things.
 */
async function carryOut(
  { kernel, failpoints }: LinkDeps,
  netns: OpenNetns,
  device: LockedDevice,
  plan: Work,
  adopted: boolean,
): Promise<CarriedOut> {
  const isNew = plan.kind === 'create' || plan.kind === 'replace';
  if (!plan.ignoreRouterAdvertisements) {
    const view = await kernel.execute(netns, [...plan.prepare, ...plan.activate], true);
    return { view, filled: false };
  }
  await kernel.execute(netns, plan.prepare);
  await failpoints.hit('ensureVxlanLink:after-create');
  if (isNew) device.made();
  const [heard] = await allEnded([
    kernel.ignoreRouterAdvertisements(netns, plan.fillAs),
    device.sync(netns, adopted, plan.fillAs),
  ]);
  await failpoints.hit('ensureVxlanLink:before-up');
  const view = await kernel.execute(netns, plan.activate, true);
  await failpoints.hit('ensureVxlanLink:after-up');
  return { view, filled: true, warning: heard === undefined ? undefined : hearsRouters(heard) };
}
