/** Whether one place of a test reaches another one, and by which address: no program of the machine needed but socat. */
import { spawn } from 'node:child_process';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { untilAsked } from '../workflows/limits.ts';
import type { TestNetns } from './namespace.ts';

/** Tells whoever calls there by which address it calls, in both families. @returns ends it */
export function tellPeers({ path }: Pick<TestNetns, 'path'>): () => void {
  const servers = ['TCP4', 'TCP6'].map((family) => {
    const listen = `${family}-LISTEN:7000,fork,reuseaddr${family === 'TCP6' ? ',ipv6only' : ''}`;
    const argv = [`--net=${path}`, '/usr/bin/socat', listen, 'SYSTEM:echo "$SOCAT_PEERADDR"'];
    return spawn('/usr/bin/nsenter', argv, { stdio: 'ignore' });
  });
  return () => servers.forEach((server) => server.kill('SIGKILL'));
}

/** Who the other side says is calling; waits until it is there. @param port another one that leads there */
export async function peerOf(from: Pick<TestNetns, 'exec'>, to: string, port = 7000): Promise<string> {
  const target = to.includes(':') ? `TCP6:[${to}]:${port},connect-timeout=2` : `TCP4:${to}:${port},connect-timeout=2`;
  let said = '';
  await untilAsked(`an answer from ${to}`, async () => {
    said = (await from.exec(['/usr/bin/socat', '-u', target, '-'], { mayFail: true })).trim();
    return said !== '';
  });
  // socat writes all eight groups of an IPv6 address, in brackets.
  const peer = ipNumbers.value(said.replace(/[[\]]/g, ''));
  return peer === undefined ? said : ipNumbers.text(peer);
}
