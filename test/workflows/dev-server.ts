/** The real Temporal dev server for one test file: loopback, free ports, its files in a folder of its own, gone afterwards. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tied } from '../../adapters/process/child.ts';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { attempt } from '../../deploy/lab/commands.ts';
import { ensureBinaries, presentBinaries } from '../../deploy/lab/binaries.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/messages.ts';
import { freePort } from './free-port.ts';
import { untilAsked } from './limits.ts';

const READY_MS = 30_000;
const GRACE_MS = 5_000;

export interface DevServer {
  /** `host:port` of the frontend. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Tuned as in the lab (deploy/lab/temporal.ts); a binary that is absent is built, which takes minutes once.
 * @param dynamicConfig more of the server's dynamic values, as `key=value`
 * @param searchAttributes made at its start
 */
export async function startDevServer(
  dynamicConfig: readonly string[] = [],
  searchAttributes: Readonly<Record<string, string>> = SEARCH_ATTRIBUTES,
): Promise<DevServer> {
  const binary = (await presentBinaries()).temporal ?? (await ensureBinaries(silentProgress)).temporal;
  const dir = mkdtempSync(join(tmpdir(), 'podwire-test-temporal-'));
  const port = await freePort();
  const noteFile = join(dir, 'pid');
  const logFile = join(dir, 'log');
  const env = { HOME: dir };
  const server = {
    file: binary,
    args: [
      ...['server', 'start-dev', '--headless', '--log-level', 'warn'],
      ...['--ip', '127.0.0.1', '--port', String(port), '--db-filename', join(dir, 'db')],
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
      ...['history.transferProcessorMaxPollRPS=100', ...dynamicConfig].flatMap((v) => ['--dynamic-config-value', v]),
      ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ],
  };
  // It ends with this process, however that ends.
  const [file, args] = tied(server);
  await startDaemon({ file, args, env, logFile, noteFile });
  const address = `127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await stopDaemon(noteFile, 'SIGTERM', GRACE_MS);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await untilAsked(
      'Temporal knows the search attributes',
      async () => {
        if (daemonPid(noteFile) === undefined) throw new Error(`Temporal ended: ${readFileSync(logFile, 'utf8')}`);
        return knows(binary, address, env, Object.keys(searchAttributes));
      },
      READY_MS,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, stop };
}

async function knows(
  binary: string,
  address: string,
  env: Record<string, string>,
  attributes: readonly string[],
): Promise<boolean> {
  const listed = await attempt(binary, ['operator', 'search-attribute', 'list', '--address', address, '-o', 'json'], {
    env,
    timeoutMs: 5_000,
  });
  return listed.code === 0 && attributes.every((name) => listed.stdout.includes(`"${name}"`));
}
