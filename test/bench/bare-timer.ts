/** What the least that a Node process can do costs on this machine: to wake once a second. */
import { run } from '../../adapters/process/run.ts';

const PROGRAM = `
setInterval(() => undefined, 1000);
const before = process.cpuUsage();
setTimeout(() => {
  const { user, system } = process.cpuUsage(before);
  console.log(user + system);
  process.exit();
}, Number(process.argv[1]) * 1000);
`;

/** CPU milliseconds a second, measured over so many seconds. */
export async function bareTimer(seconds: number): Promise<number> {
  const { stdout } = await run({
    file: process.execPath,
    args: ['-e', PROGRAM, String(seconds)],
    env: {},
    timeoutMs: (seconds + 10) * 1_000,
  });
  return Number(stdout) / 1_000 / seconds;
}
