/** A Temporal and an etcd that ask for certificates, beside the lab's cluster. Theirs can be replaced by those of another authority. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../deploy/lab/lab.ts';
import { startEtcd, type EtcdServer } from '../etcd/etcd-server.ts';
import { Authority, type Pair } from '../tls/authority.ts';
import { openPlainDoor } from '../tls/plain-door.ts';
import { startTemporalFront, type TemporalFront } from '../tls/temporal-front.ts';
import { startDevServer } from '../workflows/dev-server.ts';

/** What one authority gave to everybody. */
export interface Generation {
  readonly ca: string;
  readonly server: Pair;
  /** Of podwire. */
  readonly client: Pair;
  /** Of etcd's administrator: etcd takes the common name of a certificate for the user's. */
  readonly admin: Pair;
}

export interface SecuredStores {
  readonly old: Generation;
  readonly next: Generation;
  /** Certificates of both authorities. */
  readonly bundle: string;
  readonly temporal: TemporalFront;
  readonly etcd: EtcdServer;
  /** The lab as tests see it whose stores are these: its etcd in plain text and its Temporal, by the loopback. */
  readonly lab: Lab;
  /** Both authorities are believed from now on; the servers' own certificates stay. */
  trustBoth(): Promise<void>;
  /** The servers show certificates of the new authority, and believe no other. */
  trustNext(): Promise<void>;
  stop(): Promise<void>;
}

const PARTITIONS = ['Read', 'Write'].map((kind) => `matching.numTaskqueue${kind}Partitions=1`);

/** @param names of the servers in the cluster */
export async function startSecuredStores(
  lab: Lab,
  dir: string,
  names: readonly string[],
  namespace: string,
): Promise<SecuredStores> {
  const [old, next] = [await generation(dir, 'old', names, 90), await generation(dir, 'new', names, 180)];
  const bundle = join(dir, 'both.crt');
  writeFileSync(bundle, readFileSync(old.ca, 'utf8') + readFileSync(next.ca, 'utf8'));
  // The page says which search attributes are to be made, and what a server's dynamic configuration has to say.
  const server = await startDevServer(PARTITIONS, {});
  const temporal = await startTemporalFront(server.address, { ca: old.ca, pair: old.server });
  const etcd = await startEtcd([], { ca: old.ca, ...old.server });
  let admin = { ca: old.ca, pair: old.admin };
  const door = await openPlainDoor(etcd.endpoint.replace('https://', ''), () => admin);
  return {
    ...{ old, next, bundle, temporal, etcd },
    lab: {
      ...lab,
      etcd: { ...lab.etcd, host: door.address },
      temporal: { ...lab.temporal, host: server.address, namespace },
    },
    trustBoth: async () => {
      temporal.rotate({ ca: bundle, pair: old.server });
      await etcd.restart({ ca: bundle, ...old.server });
    },
    trustNext: async () => {
      temporal.rotate({ ca: next.ca, pair: next.server });
      await etcd.restart({ ca: next.ca, ...next.server });
      admin = { ca: next.ca, pair: next.admin };
    },
    stop: async () => {
      await door.close();
      await temporal.close();
      await etcd.stop();
      await server.stop();
    },
  };
}

/** Of both generations the certificates of clients can be told apart by how long they are valid. */
async function generation(dir: string, name: string, names: readonly string[], days: number): Promise<Generation> {
  const authority = await Authority.create(dir, name);
  return {
    ca: authority.certFile,
    server: await authority.issue('server', { names }),
    client: await authority.issue('client', { days }),
    admin: await authority.issue('admin', { commonName: 'root' }),
  };
}
