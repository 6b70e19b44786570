/**
 * podwire's network configuration in the runtime's folder, for as long as a worker lives. What is written stays when it ends: until its successor
 * serves, pods wait instead of starting without their networks.
 */
import { chainConfiguration, configurePrimary } from '../../adapters/cni-server/installation.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { PRIMARY_FILE } from '../../domain/cni-server/primary-list.ts';
import { Pace } from '../pace.ts';
import { whileFoldersRest } from '../loops.ts';

const CONFIGURATION_PACE = { oftenMs: 5_000, seldomMs: 120_000, alertMs: 15_000 };

export interface WantedConfiguration {
  /** The runtime's. */
  readonly folder: string;
  /** Where the worker answers. */
  readonly socket: string;
  /** Folders in which the runtime looks for plugins. */
  readonly plugins: readonly string[];
}

/**
 * Ends soon after the signal.
 *
 * @param addressed fulfilled when pods can have addresses of podwire's; undefined: the node has another network, behind which podwire stands
 */
export function keepConfigured(
  wanted: WantedConfiguration,
  addressed: Promise<boolean> | undefined,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  return addressed === undefined ? keepChained(wanted, log, signal) : keepPrimary(wanted, addressed, log, signal);
}

function keepChained({ folder, socket }: WantedConfiguration, log: Logger, signal: AbortSignal): Promise<void> {
  let said = '';
  return whileFoldersRest('chained configuration', new Pace(CONFIGURATION_PACE), log, signal, {
    folders: () => [folder],
    work: async () => {
      const chained = await chainConfiguration(folder, socket);
      const why = 'why' in chained ? chained.why : '';
      if (why !== '' && why !== said) log.warn({ folder, why }, 'podwire stands behind no network of this node');
      if (chained.state === 'written')
        log.info({ folder, from: chained.from }, 'podwire stands behind the network of this node');
      said = why;
    },
  });
}

/** A node whose runtime has this file is Ready: it is written when pods can have addresses. */
async function keepPrimary(
  { folder, socket, plugins }: WantedConfiguration,
  addressed: Promise<boolean>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (!(await addressed)) return;
  let said = '';
  await whileFoldersRest('primary configuration', new Pace(CONFIGURATION_PACE), log, signal, {
    folders: () => [folder],
    work: async () => {
      const { state, taken, absent } = await configurePrimary(folder, socket, plugins);
      if (state === 'written') log.info({ folder, file: PRIMARY_FILE }, 'podwire is the network of this node');
      const now = [taken, ...absent].join();
      if (now === said) return;
      said = now;
      if (taken !== PRIMARY_FILE)
        log.warn({ folder, taken }, 'podwire is not the network of this node: another configuration stands before it');
      if (absent.length > 0)
        log.warn({ plugins, absent }, 'the node lacks plugins: portmap is for hostPort, bandwidth for its limits');
    },
  });
}
