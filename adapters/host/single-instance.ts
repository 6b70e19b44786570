/** At most one process of a kind per network namespace: the kernel frees an abstract socket with its process, however that ends. */
import { createServer, type Server } from 'node:net';

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
