/** What a node knows of itself, in a file of its own disk beside the leases. */
import { join } from 'node:path';
import type { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import { openFolder, writeDurably } from '../host/durable-file.ts';
import { readWhole } from '../host/whole-files.ts';

export interface NodeFileOptions<T> {
  /** Absolute path of the folder; made when absent, mode 0700. */
  readonly dir: string;
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** What to do about a file that cannot be read, for people. */
  readonly cure: string;
}

export interface NodeFile<T> {
  /** undefined where there is none, or that of another node. @throws PodwireError RecordInvalid, the system's error */
  read(node: string): Promise<T | undefined>;
  /** When this returns, it survives a loss of power. @throws the system's error */
  write(content: T): Promise<void>;
}

export function createNodeFile<T extends { readonly node: string }>(options: NodeFileOptions<T>): NodeFile<T> {
  const { dir, name } = options;
  return {
    async read(node) {
      const text = await readWhole(join(dir, name));
      const found = text === undefined ? undefined : parsed(options, text);
      return found?.node === node ? found : undefined;
    },
    async write(content) {
      const folder = await openFolder(dir);
      try {
        await writeDurably(dir, folder, name, `${JSON.stringify(content)}\n`);
      } finally {
        await folder.close();
      }
    },
  };
}

function parsed<T>({ dir, name, schema, cure }: NodeFileOptions<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new PodwireError('RecordInvalid', `${join(dir, name)} cannot be read; ${cure}`, { cause });
  }
}
