/** What CNI plugins and the node's worker leave outside etcd, each of which must belong to an attachment: part of NothingLeaked. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inNetns, pathOnHost, whyFailed, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { PRIMARY_NETWORK } from '../../deploy/lab/node.ts';
import type { AttachmentRecord, CniAttachmentRecord } from '../../domain/records.ts';

/** Bridge of the pods' primary network, which is not podwire's. */
const PRIMARY_BRIDGE = 'cni0';

interface RawLink {
  ifname?: string;
  ifindex: number;
  link_index?: number;
  master?: string;
  linkinfo?: { info_kind?: string };
}

/** @param attachments all records of the cluster */
export async function cniLeftovers(lab: Lab, attachments: readonly AttachmentRecord[]): Promise<string[]> {
  const records = attachments.filter((record) => record.kind === 'cni');
  const found = await Promise.all(
    lab.nodes.map(async (node) => {
      const own = records.filter((record) => record.node === node.name);
      return [...reservations(node, own), ...files(node, own), ...(await hostLinks(lab, node, own))];
    }),
  );
  return found.flat();
}

const attachmentName = ({ sandboxId, interfaceName }: CniAttachmentRecord): string => `${sandboxId} ${interfaceName}`;

/** host-local keeps one file for each address, in it the container's id and the interface. */
function reservations(node: LabNode, records: readonly CniAttachmentRecord[]): string[] {
  const known = new Set(records.map(attachmentName));
  const root = join(node.cniLibDir, 'networks');
  // The cluster's own network is containerd's business.
  const networks = list(root).filter((network) => network !== PRIMARY_NETWORK);
  return networks.flatMap((network) =>
    list(join(root, network))
      .filter((file) => /^[0-9a-f]+[.:][0-9a-f.:]+$/.test(file))
      .flatMap((address) => {
        const owner = text(join(root, network, address))
          .trim()
          .split(/\s+/)
          .join(' ');
        return owner === '' || known.has(owner)
          ? []
          : [`address ${address} of network ${network} on ${node.name} is reserved for ${owner}, which has no record`];
      }),
  );
}

/** The worker's journal, and what the tuning plugin remembers of an interface. */
function files(node: LabNode, records: readonly CniAttachmentRecord[]): string[] {
  const known = new Set(records.map(({ sandboxId, interfaceName }) => `${sandboxId}_${interfaceName}.json`));
  return ['/var/lib/podwire/cni', '/run/cni/tuning']
    .map((path) => join(node.root, path))
    .flatMap((folder) =>
      list(folder)
        .filter((file) => !known.has(file))
        .map((file) => `file ${join(folder, file)} belongs to no record`),
    );
}

/** Ends of veth pairs that are no pod's primary network, and whose other end is no recorded interface. */
async function hostLinks(lab: Lab, node: LabNode, records: readonly CniAttachmentRecord[]): Promise<string[]> {
  const peers = await Promise.all(
    records.map(async ({ netns, interfaceName }) => {
      const links = await rawLinks(pathOnHost(lab, node.name, netns.path)).catch(() => []);
      return links.find(({ ifname }) => ifname === interfaceName)?.link_index;
    }),
  );
  const links = await rawLinks(node.netnsPath);
  return links
    .filter(({ ifname, linkinfo, master }) => {
      return linkinfo?.info_kind === 'veth' && ifname !== 'eth0' && master !== PRIMARY_BRIDGE;
    })
    .filter(({ ifindex }) => !peers.includes(ifindex))
    .map(({ ifname, master }) => `host link ${ifname} (port of ${master ?? 'no bridge'}) on ${node.name} is nobody's`);
}

async function rawLinks(netns: string): Promise<RawLink[]> {
  const result = await inNetns(netns, 'ip', ['-j', '-d', 'link', 'show']);
  if (result.code !== 0) throw new Error(`links in ${netns}: ${whyFailed(result)}`);
  return JSON.parse(result.stdout) as RawLink[];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Empty: the file went away between two looks. */
function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
