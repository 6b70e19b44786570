/** podwire's etcd as it is, read with etcdctl. */
import { isDeepStrictEqual } from 'node:util';
import { run } from '../../adapters/process/run.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';

export interface StoredKey {
  readonly key: string;
  /** Parsed JSON, or the plain text where it is none. */
  readonly value: unknown;
  readonly createRevision: number;
  readonly modRevision: number;
}

interface RawKeys {
  kvs?: { key: string; value?: string; create_revision: number; mod_revision: number }[];
}

/** All keys below a prefix. @throws Error when etcd does not answer */
export async function readKeys(lab: Lab, prefix = '/podwire/'): Promise<StoredKey[]> {
  const result = await run({
    file: lab.binaries.etcdctl,
    args: [`--endpoints=http://${lab.etcd.host}`, 'get', '--prefix', prefix, '-w', 'json'],
    env: { ETCDCTL_API: '3', PATH: '/usr/bin:/bin' },
    timeoutMs: 10_000,
    maxOutputBytes: 64 * 1024 * 1024,
  });
  if (result.code !== 0) throw new Error(`etcdctl get ${prefix}: ${result.stderr.trim()}`);
  const { kvs = [] } = JSON.parse(result.stdout) as RawKeys;
  return kvs.map((kv) => ({
    key: decode(kv.key),
    value: parsed(decode(kv.value ?? '')),
    createRevision: kv.create_revision,
    modRevision: kv.mod_revision,
  }));
}

/** All keys once two looks, a second apart, find the same: a link is up before the last key of its attach is written. */
export async function settledKeys(lab: Lab): Promise<StoredKey[]> {
  let last: StoredKey[] | undefined;
  const look = async (): Promise<StoredKey[] | undefined> => {
    const before = last;
    last = await readKeys(lab);
    return isDeepStrictEqual(last, before) ? last : undefined;
  };
  return waitFor("podwire's etcd to settle", look, { limitMs: 20_000, everyMs: 1_000 });
}

const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
