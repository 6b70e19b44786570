/**
 * What libcni keeps for Multus: `<cniDir>/results/<CNI network>-<container id>-<interface>`, where cniDir is Multus' setting
 * (/var/lib/cni/multus) and not libcni's default folder. It has all that DEL is to be called with, byte for byte; Multus' own
 * `<cniDir>/<container id>` has the configurations alone. Formats: Multus 4 (pkg/multus), libcni 1.3 (api.go, `cniCacheV1`).
 */
import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cniArgsText } from '../../domain/cni/cni-args.ts';
import { parseNetworkConfig, type NetworkConfig } from '../../domain/cni/network-config.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { CachedAttachment, ForeignCache } from '../../domain/ports/foreign-cache.ts';
import { capabilityArgsSchema, jsonObjectSchema } from './attachment-schemas.ts';
import { printable } from './printable.ts';
import { parseResult } from './result.ts';

/** A configuration has at most 64 KiB, a result 256 KiB. */
const MAX_BYTES = 512 * 1024;

const cachedSchema = z.object({
  kind: z.literal('cniCacheV1'),
  containerId: z.string().min(1),
  config: z.base64(),
  ifName: z.string().min(1),
  networkName: z.string().min(1),
  netns: z.string().exactOptional(),
  cniArgs: z.array(z.tuple([z.string(), z.string()])).exactOptional(),
  capabilityArgs: jsonObjectSchema.exactOptional(),
  result: jsonObjectSchema,
});

/** @param cniDir as Multus has it in its configuration */
export function createMultusCache(cniDir: string): ForeignCache {
  const dir = join(cniDir, 'results');
  return {
    async find(sandboxId, interfaceName) {
      const names = (await namesIn(dir)).filter((name) => name.endsWith(`-${sandboxId}-${interfaceName}`));
      const [name] = names;
      if (name === undefined)
        throw kept(`Multus keeps nothing of it in ${dir}: it may keep it elsewhere (--multus-cni-dir)`);
      if (names.length > 1) throw kept(`Multus keeps several networks of it: ${printable(names.join(', '), 300)}`);
      const file = join(dir, name);
      return parseCached(file, await textOf(file), { sandboxId, interfaceName });
    },
    async remove(file, sandboxId) {
      const isThere = (await namesIn(dir)).some((name) => join(dir, name) === file);
      const parsed = isThere ? cachedSchema.safeParse(jsonOf(await textOf(file))) : undefined;
      if (parsed?.data?.containerId === sandboxId) await unlessAbsent(unlink(file));
    },
  };
}

/** @throws PodwireError ForeignKept */
export function parseCached(
  file: string,
  text: string,
  expected: Pick<CachedAttachment['call'], 'sandboxId' | 'interfaceName'>,
): CachedAttachment {
  try {
    return cachedIn(file, text, expected);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    throw kept(`Multus' file ${printable(file, 400)} cannot be used: ${error.message}`);
  }
}

class Unusable extends Error {}

function cachedIn(file: string, text: string, expected: Parameters<typeof parseCached>[2]): CachedAttachment {
  const cached = read(cachedSchema, jsonOf(text));
  const { containerId, ifName, networkName, cniArgs = [], capabilityArgs = {}, netns = '' } = cached;
  if (containerId !== expected.sandboxId || ifName !== expected.interfaceName)
    throw new Unusable(`it is about ${printable(`${ifName} of ${containerId}`, 200)}`);
  const configText = utf8Of(cached.config);
  const config = configOf(configText, networkName);
  if (cniArgsText(cniArgs) === undefined)
    throw new Unusable('cniArgs: keys are letters, digits and "_", values also ".", ":" and "-"');
  const given = read(capabilityArgsSchema, declaredOf(config, capabilityArgs), 'capabilityArgs');
  const resultText = JSON.stringify(cached.result);
  requireResult(resultText);
  const call = {
    ...{ sandboxId: containerId, netnsPath: netns, interfaceName: ifName, configText, networkName },
    ...{ capabilityArgs: given, args: cniArgs },
  };
  return { file, call, resultText };
}

function read<T>(schema: z.ZodType<T>, value: unknown, ...place: string[]): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = [...place, ...(issue?.path ?? []).map(String)].join('.');
  throw new Unusable(`${path}: ${issue?.message ?? 'malformed'}`);
}

function configOf(text: string, networkName: string): NetworkConfig {
  const parsed = parseNetworkConfig(text, networkName);
  if (!parsed.ok) throw new Unusable(`config: ${parsed.problems.map(({ why }) => why).join('; ')}`);
  if (parsed.config.name === networkName) return parsed.config;
  const [own, said] = [parsed.config.name, networkName].map((name) => printable(name, 100));
  throw new Unusable(`config is of network ${own}, networkName is ${said}`);
}

/** What no plugin declares reaches none of them. */
function declaredOf({ plugins }: NetworkConfig, capabilityArgs: Readonly<Record<string, unknown>>): object {
  const declared = new Set(plugins.flatMap(({ capabilities }) => capabilities));
  return Object.fromEntries(Object.entries(capabilityArgs).filter(([name]) => declared.has(name)));
}

function requireResult(resultText: string): void {
  try {
    parseResult('of Multus', resultText);
  } catch (error) {
    if (error instanceof PodwireError) throw new Unusable(`result: ${error.message}`);
    throw error;
  }
}

function utf8Of(base64: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'));
  } catch {
    throw new Unusable('config: no UTF-8');
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const namesIn = async (dir: string): Promise<string[]> => (await unlessAbsent(readdir(dir))) ?? [];

/** Empty where it is gone by now, is no file, or is too big: that is no JSON. */
async function textOf(file: string): Promise<string> {
  const found = await unlessAbsent(stat(file));
  if (found?.isFile() !== true || found.size > MAX_BYTES) return '';
  return (await unlessAbsent(readFile(file, 'utf8'))) ?? '';
}

async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

const kept = (why: string): PodwireError => new PodwireError('ForeignKept', why);
