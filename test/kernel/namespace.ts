/** A network namespace of a test's own, with a veth as the pod's parent link; removed when the test ends. */
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { NetnsIdentity } from '../../domain/records.ts';
import { run } from '../../adapters/process/run.ts';

export interface TestNetns {
  readonly path: string;
  /** Runs a program inside; throws when it fails, unless `mayFail`. @returns its stdout */
  exec(argv: readonly string[], options?: { input?: string; mayFail?: boolean }): Promise<string>;
  identity(): Promise<NetnsIdentity>;
  /** Removes the namespace and makes another one under the same path. */
  replace(): Promise<void>;
  remove(): Promise<void>;
}

export const NETNS_ROOT = '/run/netns';
export const PARENT_ADDRESS = '10.244.1.5';

/** Makes it with `eth0` (MTU 1500), half of a veth pair whose other half stays inside as well. */
export async function createTestNetns(): Promise<TestNetns> {
  const name = `pwtest-${randomBytes(4).toString('hex')}`;
  const path = `${NETNS_ROOT}/${name}`;
  const make = async (): Promise<void> => {
    await program('/usr/sbin/ip', ['netns', 'add', name]);
    await exec(['/usr/sbin/ip', '-batch', '-'], {
      input: [
        'link add name eth0 type veth peer name far0',
        `address add ${PARENT_ADDRESS}/24 dev eth0`,
        'address add fd00:244::5/64 dev eth0 nodad',
        'link set dev far0 up',
        'link set dev eth0 up',
        '',
      ].join('\n'),
    });
  };
  const exec: TestNetns['exec'] = (argv, options) =>
    program('/usr/bin/nsenter', [`--net=${path}`, '--', ...argv], options);
  await make();
  return {
    path,
    exec,
    async identity() {
      const { ino, ctimeNs } = await stat(path, { bigint: true });
      return { path, inode: String(ino), ctimeNs: String(ctimeNs) };
    },
    async replace() {
      await program('/usr/sbin/ip', ['netns', 'delete', name]);
      await make();
    },
    async remove() {
      await program('/usr/sbin/ip', ['netns', 'delete', name], { mayFail: true });
    },
  };
}

async function program(
  file: string,
  args: readonly string[],
  options: { input?: string; mayFail?: boolean } = {},
): Promise<string> {
  const result = await run({
    file,
    args,
    timeoutMs: 10_000,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  if (result.code !== 0 && options.mayFail !== true) {
    throw new Error(`${file} ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
  }
  return result.stdout;
}
