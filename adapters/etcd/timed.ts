/** podwire's etcd, with each call timed. */
import { timedCall, type CallObserver } from '../timing/timed-call.ts';
import type { Etcd } from './client.ts';

/** The same store; `observe` hears of every call but watches, by the name of its method. */
export function timedEtcd<E extends Etcd>(etcd: E, observe: CallObserver): E {
  return {
    ...etcd,
    get: (key) => timedCall(observe, 'get', () => etcd.get(key)),
    list: (prefix) => timedCall(observe, 'list', () => etcd.list(prefix)),
    read: (asks) => timedCall(observe, 'read', () => etcd.read(asks)),
    removeAndRead: (key, asks) => timedCall(observe, 'removeAndRead', () => etcd.removeAndRead(key, asks)),
    keys: (prefix) => timedCall(observe, 'keys', () => etcd.keys(prefix)),
    transact: (conditions, operations) => timedCall(observe, 'transact', () => etcd.transact(conditions, operations)),
  } satisfies Etcd;
}
