/** Whether a part answers on its health port. */
import { inNetns } from '../../deploy/lab/lab.ts';

export async function isServing(netns: string, port: number): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/readyz`;
  const { code } = await inNetns(netns, 'busybox', ['wget', '-q', '-O', '/dev/null', url]);
  return code === 0;
}
