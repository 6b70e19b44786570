/** At most one process of a kind per network namespace: the kernel frees an abstract socket with its process, however that ends. */
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 200;

/** Binds the abstract Unix socket of that name. @returns undefined when another process has it. */
export function claimName(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.maxConnections = 1;
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: `\0${name}` }, () => {
      server.unref();
      resolve(server);
    });
  });
}

export interface Patience {
  /** A predecessor that is just ending has this long, in milliseconds; one that lives is not waited for any longer. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Told once, when the name is not free at once. */
  readonly onTaken: () => void;
}

/** As `claimName`, for a process whose predecessor may still be ending. @returns undefined when the name stayed taken, or on abort */
export async function claimNameSoon(name: string, { limitMs, signal, onTaken }: Patience): Promise<Server | undefined> {
  const until = performance.now() + limitMs;
  for (let told = false; ;) {
    const claimed = await claimName(name);
    if (claimed !== undefined || signal.aborted || performance.now() >= until) return claimed;
    if (!told) onTaken();
    told = true;
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
