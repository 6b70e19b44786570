/** Datagrams within a VXLAN network: one as a member sends it, and one that somebody forges who only knows the network's id and an address. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { field } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { findProgram, must } from '../../deploy/lab/commands.ts';
import { inNetns, startPart, stopPart, whyFailed, type Lab } from '../../deploy/lab/lab.ts';
import { waitFor } from '../lab/harness.ts';
import type { From } from './connections.ts';

const TUNNEL_PORT = 8472;
/** Of the letterbox. */
const PORT = 5151;

export interface Receiver {
  /** Of its pod in the cluster's network. */
  readonly podAddress: string;
  readonly vni: number;
  /** In the VXLAN network, with that network's hardware address. */
  readonly address: string;
  readonly mac: string;
}

/** A pod that has the network. */
export async function receiverIn(lab: Lab, pod: PodRef, network: { name: string; id: number }): Promise<Receiver> {
  const link = await podLink(lab, pod, network.name);
  const [address = ''] = link?.addresses[0]?.split('/') ?? [];
  const podAddress = await field(lab, pod, '{.status.podIP}');
  return { podAddress, vni: network.id, address, mac: link?.mac ?? '' };
}

export interface Letterbox {
  /** All that came, one word after the other. */
  read(): string[];
  close(): Promise<void>;
}

/** Takes datagrams in a pod. */
export async function openLetterbox(lab: Lab, { what, netnsPath }: From): Promise<Letterbox> {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-letterbox-'));
  const file = join(dir, 'letters');
  writeFileSync(file, '');
  const name = 'letterbox';
  const read = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const program = findProgram('socat') ?? '/usr/bin/socat';
  await startPart(lab, {
    ...{ name, netnsPath, file: program },
    ...{ args: ['-u', `UDP4-RECV:${PORT}`, `OPEN:${file},append`], env: {} },
  });
  const open = async (): Promise<true | undefined> => {
    await must('nsenter', [`--net=${netnsPath}`, '--', program, '-u', 'STDIN', `UDP4-SENDTO:127.0.0.1:${PORT}`], {
      input: 'open\n',
    });
    return read().includes('open') || undefined;
  };
  await waitFor(`a letterbox in ${what}`, open, { limitMs: 10_000 });
  return {
    read,
    close: async () => {
      await stopPart(lab, name);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Takes away what lets only members send to an interface, if it is there. */
export async function forgetMembers({ netnsPath }: From, interfaceName: string): Promise<void> {
  const table = `inet podwire_${interfaceName}`;
  const input = `add table ${table}\ndelete table ${table}\n`;
  await must('nsenter', [`--net=${netnsPath}`, '--', 'nft', '-f', '-'], { input });
}

/** As a member does it, through its own link. */
export async function sendAsMember(from: From, { address }: Receiver, word: string): Promise<void> {
  const file = letter(Buffer.from(`${word}\n`));
  await send(from, file, `UDP4-SENDTO:${address}:${PORT}`);
}

/** To the tunnel's port itself, by the cluster's network. */
export async function sendForged(from: From, to: Receiver, word: string): Promise<void> {
  const file = letter(vxlanPacket(to, Buffer.from(`${word}\n`)));
  await send(from, file, `UDP4-SENDTO:${to.podAddress}:${TUNNEL_PORT}`);
}

/** A file, for what programs read as text is not bytes. */
function letter(bytes: Buffer): string {
  const file = join(mkdtempSync(join(tmpdir(), 'podwire-letter-')), 'letter');
  writeFileSync(file, bytes);
  return file;
}

async function send({ what, netnsPath }: From, file: string, to: string): Promise<void> {
  const result = await inNetns(netnsPath, 'socat', ['-u', `OPEN:${file}`, to], { timeoutMs: 10_000 });
  rmSync(dirname(file), { recursive: true, force: true });
  // A policy engine may answer that the port is not to be reached; then the datagram did not get there, which the caller sees.
  if (result.code !== 0 && !/refused|not permitted/i.test(result.stderr))
    throw new Error(`from ${what} to ${to}: ${whyFailed(result)}`);
}

/** RFC 7348: a header of eight bytes, then a whole Ethernet frame. */
function vxlanPacket({ vni, address, mac }: Receiver, payload: Buffer): Buffer {
  const vxlan = Buffer.alloc(8);
  vxlan[0] = 0x08;
  vxlan.writeUIntBE(vni, 4, 3);
  const forgedMac = '02:00:00:00:00:99';
  const ethernet = Buffer.concat([macBytes(mac), macBytes(forgedMac), Buffer.from([0x08, 0x00])]);
  return Buffer.concat([vxlan, ethernet, ipv4Udp(address, payload)]);
}

/** A datagram from an address of the same network that nobody has; UDP's checksum may be absent (RFC 768). */
function ipv4Udp(address: string, payload: Buffer): Buffer {
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(PORT, 0);
  udp.writeUInt16BE(PORT, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(28 + payload.length, 2);
  ip[8] = 64;
  ip[9] = 17;
  const to = address.split('.').map(Number);
  ip.set([...to.slice(0, 3), 250], 12);
  ip.set(to, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([ip, udp, payload]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');
