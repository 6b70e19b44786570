/** Alarms of podwire's etcd, which stop every network of the cluster. */
import type { EtcdOptions } from '../adapters/etcd/client.ts';
import { etcdChecks } from '../domain/start-checks/etcd.ts';

/** Empty: none is raised, or nobody could say. */
export async function storeAlarmsText(options: EtcdOptions): Promise<string> {
  const { etcdFacts } = await import('../adapters/start-checks/etcd-facts.ts');
  const target = {
    endpoints: options.endpoints,
    setting: 'PODWIRE_ETCD_ENDPOINTS',
    prefix: undefined,
    user: undefined,
  };
  return etcdChecks(target, await etcdFacts(options, undefined))
    .filter(({ lasting }) => lasting === true)
    .map(({ text, cure }) => `podwire's etcd: ${text}: nothing is attached or detached until then. Do: ${cure ?? ''}\n`)
    .join('');
}
