/** The lab's Temporal server with its UI, on disk. For the lab only: production wants a real database behind it. */
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../../domain/messages.ts';
import type { Binaries } from './binaries.ts';
import { attempt } from './commands.ts';
import { PORTS } from './layout.ts';
import type { LabLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';

/** The dev server, tuned: without WAL it does a third of the workflows, with the default poll rate every hop waits for a 50 ms tick. */
export function temporalServer(lab: LabLayout, binaries: Binaries): PartSpec {
  return {
    name: 'temporal',
    netnsPath: lab.controlNetnsPath,
    file: binaries.temporal,
    args: [
      ...[
        'server',
        'start-dev',
        // Its services find one another at 127.0.0.1 whatever address they listen on, so they must listen on all of the namespace's.
        '--ip',
        '0.0.0.0',
        '--port',
        String(PORTS.temporal),
        '--ui-port',
        String(PORTS.temporalUi),
      ],
      ...['--db-filename', join(lab.dir, 'temporal.db')],
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
      // In KiB: the default is 2 MB, which a day of runs leaves far behind.
      ...['--sqlite-pragma', 'cache_size=-65536'],
      ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=100'],
      // A node's queue has one poller; with the default four partitions a task waits up to a minute in one that nobody polls (ADR 2).
      ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
      ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
      // For people who add search attributes to a running server; it reads them from the database at each use (ADR 16).
      ...['--dynamic-config-value', 'system.forceSearchAttributesCacheRefreshOnRead=false'],
      // Of runs that end within a second only the end is written; a list may show a run a second late.
      ...['--dynamic-config-value', 'history.visibilityProcessorMaxPollRPS=1'],
      // Finished tasks are let go that often; until then each new one is sorted in among them.
      ...['transfer', 'timer', 'visibility'].flatMap((queue) => [
        '--dynamic-config-value',
        `history.${queue}ProcessorUpdateAckInterval="3s"`,
      ]),
      ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
      ...['--log-level', 'warn'],
    ],
    // Its heap is small and it allocates much: with the default a collection runs every second or two.
    env: { HOME: lab.dir, GOGC: '400' },
  };
}

/** Whether the server serves, and knows podwire's search attributes. */
export async function temporalReady(binary: string, address: string, lab: LabLayout): Promise<boolean> {
  const listed = await attempt(binary, ['operator', 'search-attribute', 'list', '--address', address, '-o', 'json'], {
    env: { HOME: lab.dir },
    timeoutMs: 5_000,
  });
  return listed.code === 0 && Object.keys(SEARCH_ATTRIBUTES).every((name) => listed.stdout.includes(`"${name}"`));
}
