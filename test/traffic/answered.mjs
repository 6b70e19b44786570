/**
 * Sends datagrams to a port that nobody listens on until the address's kernel says so. Arguments: address, limit in milliseconds.
 * Exit codes: 0, it has answered; 1, it has not.
 */
import { createSocket } from 'node:dgram';
import process from 'node:process';
import { setInterval, setTimeout } from 'node:timers';

const PORT = 9;
const EVERY_MS = 50;

const [address, limitMs] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
socket.on('error', ({ code }) => {
  // Also what the own kernel says, of an address that it cannot reach.
  if (code === 'ECONNREFUSED') process.exit(0);
});
socket.connect(PORT, address, () => setInterval(() => socket.send('are you there?', () => undefined), EVERY_MS));
setTimeout(() => process.exit(1), Number(limitMs));
