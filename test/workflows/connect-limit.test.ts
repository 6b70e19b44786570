/** Temporal behind the address of a Service, whose pod is replaced: in a network namespace where connection tracking does what kube-proxy's rules do. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { tied } from '../../adapters/process/child.ts';
import { startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { must } from '../../deploy/lab/commands.ts';
import { ensureBinaries, presentBinaries } from '../../deploy/lab/binaries.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';
import { createTestNetns, type TestNetns } from '../kernel/namespace.ts';
import { until } from './limits.ts';

const PORT = '7233';
const SERVICE = '10.96.0.1';
const POD = '10.99.0.2';
/** Nobody answers there, and nobody says so: its link-layer address is nobody's. */
const OLD_POD = '10.99.0.1';
/** TCP gives up after 127 s. */
const LIMIT_MS = 45_000;

const dir = mkdtempSync(join(tmpdir(), 'podwire-test-connect-'));
const noteOf = (name: string): string => join(dir, `${name}.pid`);
const logOf = (name: string): string => join(dir, `${name}.log`);
const answers = (name: string): number => readFileSync(logOf('asker'), 'utf8').split(`${name}\n`).length - 1;
let netns: TestNetns;

before(async () => {
  netns = await createTestNetns();
  const ip = (...words: string[]): Promise<string> => netns.exec(['/usr/sbin/ip', ...words]);
  await ip('link', 'set', 'lo', 'up');
  await ip('address', 'add', `${POD}/32`, 'dev', 'lo');
  await ip('neighbour', 'add', OLD_POD, 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0');
  await ip('route', 'add', 'default', 'dev', 'eth0', 'src', POD);
  await nft('add table ip service', 'add chain ip service out { type nat hook output priority -100 ; }');
  await leadTo(POD);
  await startTemporal();
  const script = join(import.meta.dirname, 'connect-asker.ts');
  await inside('asker', process.execPath, ['--import', import.meta.resolve('tsx'), script, `${SERVICE}:${PORT}`]);
  await until('both connections', () => answers('client') > 0 && answers('worker') > 0);
});
after(async () => {
  for (const name of ['asker', 'temporal']) await stopDaemon(noteOf(name), 'SIGKILL', 5_000);
  await netns.remove();
  rmSync(dir, { recursive: true, force: true });
});

async function inside(name: string, file: string, args: readonly string[]): Promise<void> {
  const [outer, words] = tied({ file: '/usr/bin/nsenter', args: [`--net=${netns.path}`, '--', file, ...args] });
  await startDaemon({ file: outer, args: words, env: { HOME: dir }, logFile: logOf(name), noteFile: noteOf(name) });
}

const nft = (...rules: string[]): Promise<string> =>
  must('nsenter', [`--net=${netns.path}`, '--', 'nft', '-f', '-'], { input: `${rules.join('\n')}\n` });

/** Its runs outlive it. */
async function startTemporal(): Promise<void> {
  const temporal = (await presentBinaries()).temporal ?? (await ensureBinaries(silentProgress)).temporal;
  const database = join(dir, 'temporal.db');
  const inner = ['--ip', '0.0.0.0', '--db-filename', database];
  await inside('temporal', temporal, ['server', 'start-dev', '--headless', '--log-level', 'error', ...inner]);
}

/** New connections to the Service; those that are known to connection tracking stay where they are. */
const leadTo = (pod: string): Promise<string> =>
  nft(
    'flush chain ip service out',
    `add rule ip service out ip daddr ${SERVICE} tcp dport ${PORT} dnat to ${pod}:${PORT}`,
  );

test('connections that hang since a Service changed its pod are given up, and Temporal is reached again', async (t) => {
  const starts = (): number => readFileSync(logOf('temporal'), 'utf8').split('Server:').length - 1;
  const before = starts();
  await leadTo(OLD_POD);
  await stopDaemon(noteOf('temporal'), 'SIGKILL', 5_000);
  await startTemporal();
  await until('Temporal to serve again', () => starts() > before);
  const began = performance.now();
  await leadTo(POD);
  const took = async (name: string): Promise<string> => {
    const before = answers(name);
    await until(`an answer to the ${name}`, () => answers(name) > before, LIMIT_MS);
    return `${name}: reached ${((performance.now() - began) / 1000).toFixed(1)} s after`;
  };
  for (const line of await Promise.all(['client', 'worker'].map(took))) t.diagnostic(line);
});
