/**
 * Sends a numbered UDP datagram every millisecond and counts the answers. Arguments: address, port. Prints ten times a second
 * `{"sent": …, "judged": …, "lost": …}`: judged are those that were answered, or not within five seconds (lost). Ends after five
 * minutes by itself.
 */
import { Buffer } from 'node:buffer';
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setInterval } from 'node:timers';

const LOST_AFTER_MS = 5_000;
const LONGEST_MS = 300_000;
/** After a pause of this program not more than this many at once. */
const MOST_AT_ONCE = 20;

const [address, port] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
/** When what was not answered yet was sent, oldest first. */
const open = new Map();
let sent = 0;
let lost = 0;

socket.on('message', (message) => open.delete(message.readUInt32BE()));
socket.connect(Number(port), address, () => {
  socket.setRecvBufferSize(4 * 1024 * 1024);
  const startedAt = performance.now();
  let skipped = 0;
  setInterval(() => {
    const now = performance.now();
    if (now - startedAt > LONGEST_MS) process.exit(0);
    const due = Math.floor(now - startedAt) - skipped - sent;
    skipped += Math.max(0, due - MOST_AT_ONCE);
    for (let i = 0; i < Math.min(due, MOST_AT_ONCE); i += 1) {
      const message = Buffer.alloc(64);
      message.writeUInt32BE(sent);
      open.set(sent, now);
      sent += 1;
      socket.send(message);
    }
  }, 1);
  setInterval(() => {
    const before = performance.now() - LOST_AFTER_MS;
    for (const [number, at] of open) {
      if (at > before) break;
      open.delete(number);
      lost += 1;
    }
    process.stdout.write(`${JSON.stringify({ sent, judged: open.keys().next().value ?? sent, lost })}\n`);
  }, 100);
});
