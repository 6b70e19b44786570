/** Programs of others, in Go, that know CNI and gRPC without podwire: built into the lab's cache at their first use. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { binaryCache, findGo, goCommand, intoCache } from '../../deploy/lab/binaries.ts';

/** libcni's own command line. */
export const cnitool = (): Promise<string> => built('cnitool', 'github.com/containernetworking/cni/cnitool', 'v1.3.0');

export const grpcurl = (): Promise<string> => built('grpcurl', 'github.com/fullstorydev/grpcurl/cmd/grpcurl', 'v1.9.3');

async function built(name: string, module: string, version: string): Promise<string> {
  const file = join(binaryCache(), `${name}-${version}`);
  if (existsSync(file)) return file;
  const go = findGo();
  if (go === undefined) throw new Error(`Go is not installed, and ${name} ${version} must be built`);
  await intoCache(name, file, (folder) =>
    goCommand(go, ['install', '-trimpath', '-ldflags', '-s -w', `${module}@${version}`], { GOBIN: folder }),
  );
  return file;
}
