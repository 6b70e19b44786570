/** Listings of any length, page by page: each call has its own deadline, and what the client takes in one answer is limited. */
import { Range, type Etcd3, type IKeyValue } from 'etcd3';

/** Keys of one page. The largest records have some ten kilobytes. */
const PAGE = 1_000;

/** One call with the client. */
type Use = <T>(call: (client: Etcd3) => Promise<T>) => Promise<T>;

/** All below a prefix as it was at one revision of the store, in the order of the keys. */
export async function listPages(use: Use, prefix: string): Promise<{ kvs: IKeyValue[]; revision: string }> {
  const { start, end } = Range.prefix(prefix);
  const first = await use((client) => client.getAll().inRange({ start, end }).limit(PAGE).exec());
  const { revision } = first.header;
  const kvs = [...first.kvs];
  for (let { more } = first; more;) {
    const next = { start: behind(kvs.at(-1)?.key ?? start), end };
    const page = await use((client) => client.getAll().inRange(next).limit(PAGE).revision(revision).exec());
    kvs.push(...page.kvs);
    ({ more } = page);
  }
  return { kvs, revision: String(revision) };
}

/** Only the keys below a prefix. */
export async function keyPages(use: Use, prefix: string): Promise<string[]> {
  const { start, end } = Range.prefix(prefix);
  const keys: Buffer[] = [];
  for (let from = start; ; from = behind(keys.at(-1) ?? start)) {
    const page = await use((client) => client.getAll().inRange({ start: from, end }).limit(PAGE).keyBuffers());
    keys.push(...page);
    if (page.length < PAGE) return keys.map((key) => key.toString('utf8'));
  }
}

/** The first key that can follow. */
const behind = (key: Buffer): Buffer => Buffer.concat([key, Buffer.of(0)]);
