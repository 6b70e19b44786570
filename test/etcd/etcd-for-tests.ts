/** A real etcd and a client of it for one test file or suite. */
import { after, before } from 'node:test';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { makeWhole } from './whole-store.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';

/** Registers set-up and tear-down; `etcd` is there before the first test, and in every `before` that is registered later. */
export function etcdForTests(): { readonly etcd: Etcd; readonly endpoint: string } {
  let server: EtcdServer | undefined;
  let etcd: Etcd | undefined;
  before(async () => {
    server = await startEtcd();
    etcd = createEtcd({ endpoints: [server.endpoint], timeoutMs: 5_000 });
    await makeWhole(etcd);
  });
  after(async () => {
    etcd?.close();
    await server?.stop();
  });
  return {
    get endpoint() {
      return server?.endpoint ?? '';
    },
    get etcd() {
      if (etcd === undefined) throw new Error('etcd starts before the first test, not while tests are declared');
      return etcd;
    },
  };
}
