/** Who reaches whom, asked from within a network namespace with programs of this machine. */
import { inNetns, podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitFor } from '../lab/harness.ts';

const PORT = 8080;
/** Command of a container that answers its pod's name to whoever asks by HTTP, as its second action: the first prints its interfaces. */
export const answering = (name: string): string[] => [
  ...['sh', '-c'],
  `ip -o addr; mkdir -p /tmp/www && echo ${name} > /tmp/www/index.html && exec httpd -f -p ${PORT} -h /tmp/www`,
];

const brackets = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** What is answered there to somebody in the namespace. @throws Error when nobody answers in time */
export async function answerOf(netns: string, address: string, port = PORT, limitMs = 15_000): Promise<string> {
  const url = `http://${brackets(address)}:${port}/`;
  return waitFor(
    `an answer of ${url}`,
    async () => {
      // Its own limit makes Debian's static busybox crash.
      const { code, stdout } = await inNetns(netns, 'busybox', ['wget', '-q', '-O', '-', url], { timeoutMs: 2_000 });
      return code === 0 ? stdout.trim() : undefined;
    },
    { limitMs, everyMs: 200 },
  );
}

/** @throws Error when a ping is not answered in time */
export async function reaches(netns: string, address: string, limitMs = 10_000): Promise<void> {
  await waitFor(
    `${address} to answer`,
    async () => {
      const { code } = await inNetns(netns, 'busybox', ['ping', '-c', '1', '-W', '1', address]);
      return code === 0 ? true : undefined;
    },
    { limitMs, everyMs: 200 },
  );
}

export const netnsOf = (lab: Lab, pod: PodRef): Promise<string> => podNetnsPath(lab, pod);
