/**
 * An HTTP CONNECT proxy (RFC 9110 §9.3.6) on the loopback for this process alone, to one address, whose attempts to connect have a limit.
 *
 * The core of Temporal's SDK connects by itself and has no limit that TypeScript could set; TCP gives up after two minutes by Linux's
 * default. An attempt that was begun while a Service changed its pod is bound to the old pod by connection tracking, and what waits for it
 * (the workers' polls) waits as long, even after the worker was given another connection. Through this proxy such an attempt fails in time,
 * and the core begins another one. TLS stays between the core and the server.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { sendAtOnce } from './send-at-once.ts';

/** From the core's request until the server's SYN-ACK. A server that answers takes milliseconds. */
const CONNECT_LIMIT_MS = 3_000;
/** Of silence, until the kernel asks the peer whether it is there; it asks ten times, a second apart (libuv's setting). */
const KEEP_ALIVE_MS = 5_000;
/** The longest time that a timer can have: 24 days. */
const NEVER_MS = 2 ** 31 - 1;

export interface ConnectProxy {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** Why the last attempt to connect failed; undefined after one that did not. */
  readonly lastFailure: string | undefined;
  /** Ends all connections through it. */
  close(): void;
}

/**
 * @param target `host:port` of the server, to which it leads whatever it is asked for
 * @param onSlow hears why what the core sends is not sent at once
 */
export async function openConnectProxy(target: string, onSlow: (why: string) => void): Promise<ConnectProxy> {
  const open = new Set<Socket>();
  let lastFailure: string | undefined;
  // Nobody but this process connects, and how long its requests take need not be looked at.
  const server = createServer({ connectionsCheckingInterval: NEVER_MS }, (_, response) =>
    response.writeHead(405).end(),
  );
  server.on('connect', (_: unknown, near: Socket) => {
    open.add(near.once('close', () => open.delete(near)));
    near.on('error', () => near.destroy());
    void sentAtOnce(near).catch((error: unknown) => onSlow(error instanceof Error ? error.message : String(error)));
    const far = connect({
      ...hostAndPort(target),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    open.add(far.once('close', () => open.delete(far)));
    const late = setTimeout(
      () => far.destroy(new Error(`no connection within ${CONNECT_LIMIT_MS} ms`)),
      CONNECT_LIMIT_MS,
    );
    const failed = (error: Error): void => {
      clearTimeout(late);
      lastFailure = error.message;
      near.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    };
    far.once('error', failed);
    far.once('connect', () => {
      clearTimeout(late);
      far.off('error', failed);
      lastFailure = undefined;
      near.setNoDelay();
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      // The end of one is the end of the other, and no error is news to anybody but the core, which sees its connection end.
      pipeline(near, far, near, () => [near, far].forEach((socket) => socket.destroy()));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The process is not held by it: its workers hold it.
  server.unref();
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get lastFailure() {
      return lastFailure;
    },
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** What the other end of a connection to the proxy sends. @throws Error */
async function sentAtOnce(near: Socket): Promise<void> {
  const { remotePort, localPort } = near;
  if (remotePort === undefined || localPort === undefined) return;
  const found = await sendAtOnce({ local: remotePort, peer: localPort });
  if (!found && !near.destroyed) throw new Error('its end of the connection is no descriptor of this process');
}

/** Of `host:port` or `[IPv6]:port`. */
function hostAndPort(target: string): { host: string; port: number } {
  const { hostname, port } = new URL(`tcp://${target}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}
