/** Answers every UDP datagram with itself. Arguments: address, port. Says `listening` when it is. */
import { createSocket } from 'node:dgram';
import process from 'node:process';

const [address, port] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (message, from) => socket.send(message, from.port, from.address));
socket.bind(Number(port), address, () => {
  socket.setRecvBufferSize(4 * 1024 * 1024);
  process.stdout.write('listening\n');
});
