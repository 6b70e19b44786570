/** NothingLeaked: records, reservations, members, links and open runs are those that living pods' wishes imply. */
import { linksIn } from '../../deploy/demo/kernel-look.ts';
import { kubectl, pathOnHost, type Lab } from '../../deploy/lab/lab.ts';
import { claimedAddresses } from '../../domain/plan/address-claims.ts';
import { identitiesOf } from '../../domain/cni/identities.ts';
import { addressKey, cniResultKey, identityKey } from '../../domain/keys.ts';
import { keepAll, keepInterface } from '../../domain/plan/keep.ts';
import { networkKey } from '../../domain/network-selection.ts';
import { keepName } from '../../domain/plan/observation.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { statusEntries } from '../../domain/status/status-entries.ts';
import { isJsonObject, member } from '../../domain/text/strict-json.ts';
import { cniLeftovers } from './cni-leftovers.ts';
import { podNamespaces } from './pod-namespaces.ts';
import { readKeys, type StoredKey } from './records.ts';
import { openRuns } from './runs.ts';
import { settle, type SettleOptions } from './settle.ts';
import { isDesiredOf, askingPods, type AskingPod } from './asking-pods.ts';

/** @throws Error `NothingLeaked …` */
export async function nothingLeaked(lab: Lab, o?: SettleOptions): Promise<void> {
  await settle('NothingLeaked', () => violations(lab), o);
}

async function violations(lab: Lab): Promise<string[]> {
  // Records first: what comes into being later is then no leak in this look.
  const keys = await readKeys(lab);
  const [pods, objectUids] = await Promise.all([askingPods(lab), objectUidsIn(lab)]);
  const attachments = below(keys, '/podwire/attachments/').map(({ value }) => value as AttachmentRecord);
  const [links, leftovers, runs] = await Promise.all([
    linkViolations(lab, attachments),
    cniLeftovers(lab, attachments),
    runViolations(lab),
  ]);
  return [
    ...attachments.flatMap((record) => attachmentViolations(record, pods)),
    ...keyViolations(keys, attachments, new Set(pods.map((pod) => pod.view.uid)), objectUids),
    ...links,
    ...leftovers,
    ...runs,
  ];
}

const below = (keys: readonly StoredKey[], prefix: string): StoredKey[] =>
  keys.filter(({ key }) => key.startsWith(prefix));

function attachmentViolations(record: AttachmentRecord, pods: readonly AskingPod[]): string[] {
  const what = `record of ${record.interfaceName} of ${record.namespace}/${record.name} (${record.podUid}) on ${record.node}`;
  if (record.phase !== 'attached') return [`${what} is in phase ${record.phase}`];
  const pod = pods.find(({ view }) => view.uid === record.podUid);
  if (pod === undefined) return [`${what}: there is no such pod`];
  if (pod.view.phaseClass === 'ended') return [`${what}: the pod has ended`];
  const isDesired = pod.selections.some((desired) => isDesiredOf(desired, record));
  const everything = keepAll(record.kind === 'vxlan' ? 'openvnf' : record.dialect);
  const kept = pod.keep.includes(keepName(record)) || pod.keep.includes(everything);
  return isDesired || kept || standsIn(record, pod) ? [] : [`${what}: not asked for`];
}

/** What has an interface keeps it while the pod asks for another network there that is refused. */
function standsIn({ kind, interfaceName }: AttachmentRecord, { view, keep, selections }: AskingPod): boolean {
  if (kind !== 'cni') return false;
  if (keep.includes(keepInterface('npwg', interfaceName))) return true;
  const refused = statusEntries(view.publishedStatus)
    .filter(isJsonObject)
    .some((entry) => member(entry, 'interface') === interfaceName && member(entry, 'state') === 'Refused');
  return refused && selections.some((desired) => desired.kind === 'cni' && desired.cni.interfaceName === interfaceName);
}

/** Keys that must belong to an attachment, and keys that must belong to a pod that exists. */
function keyViolations(
  keys: readonly StoredKey[],
  attachments: readonly AttachmentRecord[],
  podUids: ReadonlySet<string>,
  objectUids: ReadonlySet<string>,
): string[] {
  const networks = new Set(attachments.map(({ network }) => networkKey(network)));
  const implied = new Set([
    ...attachments.flatMap((record) => [`/podwire/pod-nodes/${record.podUid}/${record.node}`, ...impliedBy(record)]),
    ...keys.flatMap((each) => heldBy(each, objectUids)),
  ]);
  const mustBeImplied = [
    'pod-nodes',
    'vnis',
    'network-objects',
    'cni-results',
    'cni-identities',
    'tombstones',
    'failures',
  ].map((each) => `/podwire/${each}/`);
  const ofPods = ['/podwire/pods/', '/podwire/refusals/', '/podwire/failures/'];
  return keys.flatMap(({ key }) => {
    const mesh = /^\/podwire\/networks\/(.+)\/mesh$/.exec(key)?.[1];
    if (mesh !== undefined) return networks.has(mesh) ? [] : [`${key}: the network has no members`];
    if (key.startsWith('/podwire/networks/') || mustBeImplied.some((prefix) => key.startsWith(prefix)))
      return implied.has(key) ? [] : [`${key} belongs to no attachment`];
    const prefix = ofPods.find((each) => key.startsWith(each));
    if (prefix !== undefined)
      return podUids.has(key.slice(prefix.length).split('/')[0] ?? '') ? [] : [`${key} belongs to no pod`];
    const sandboxOf = /^\/podwire\/sandboxes\/[^/]+\/([^/]+)$/.exec(key)?.[1];
    return sandboxOf !== undefined && !podUids.has(sandboxOf) ? [`${key} belongs to no pod`] : [];
  });
}

/** What a network object that exists holds. @param key any key */
function heldBy({ key, value }: StoredKey, objectUids: ReadonlySet<string>): string[] {
  const network = /^\/podwire\/network-objects\/(.+)$/.exec(key)?.[1];
  if (network === undefined) return [];
  const { uid, tunnel } = value as { uid: string; tunnel: string };
  return objectUids.has(uid)
    ? [key, `/podwire/networks/${network}/users/${uid}/~object`, `/podwire/vnis/${tunnel}`]
    : [];
}

/** Of network objects. */
async function objectUidsIn(lab: Lab): Promise<ReadonlySet<string>> {
  const kinds = 'networks.podwire.io,clusternetworks.podwire.io';
  const found = await kubectl(lab, ['get', kinds, '-A', '-o', 'jsonpath={.items[*].metadata.uid}']);
  return new Set(found.split(' '));
}

function impliedBy(record: AttachmentRecord): string[] {
  const { podUid, interfaceName } = record;
  if (record.kind === 'cni')
    return [cniResultKey(record), ...identitiesOf(record).map(({ place }) => identityKey(place))];
  const network = `/podwire/networks/${networkKey(record.network)}`;
  return [
    `${network}/members/${podUid}/${interfaceName}`,
    `${network}/users/${podUid}/${interfaceName}`,
    `/podwire/vnis/${record.link.dstPort}/${record.link.vni}`,
    ...claimedAddresses(record).map((address) => addressKey(record.network, address)),
  ];
}

async function linkViolations(lab: Lab, attachments: readonly AttachmentRecord[]): Promise<string[]> {
  const known = new Set(
    attachments
      .filter(({ agent }) => agent === undefined)
      .map(({ node, netns, interfaceName }) => `${pathOnHost(lab, node, netns.path)} ${interfaceName}`),
  );
  // The exec backend knows no netns; its links say whose they are.
  const ofAgents = attachments.filter(({ agent }) => agent !== undefined);
  const places = [...podNamespaces(lab), ...lab.nodes.map((node) => node.netnsPath), lab.controlNetnsPath];
  const found = await Promise.all(
    // A namespace that ends between listing and reading leaks nothing.
    places.map(async (netns) => ({ netns, links: await linksIn(netns).catch(() => []) })),
  );
  return found.flatMap(({ netns, links }) =>
    links
      .filter((link) => link.kind === 'vxlan' || link.alias?.startsWith('podwire:') === true)
      .filter((link) => !known.has(`${netns} ${link.name}`))
      .filter(
        ({ name, alias }) =>
          !ofAgents.some(({ podUid, interfaceName }) => interfaceName === name && alias?.includes(`:${podUid}:`)),
      )
      .map((link) => `link ${link.name} (alias ${link.alias ?? 'none'}) in ${netns} has no record`),
  );
}

async function runViolations(lab: Lab): Promise<string[]> {
  return (await openRuns(lab)).map((id) => `workflow ${id} is still open`);
}
