/** Declared pools in etcd: as they were written, so that a newer podwire reads them by its own rules. */
import { PodwireError } from '../../domain/failures.ts';
import type { DeclaredPool } from '../../domain/ipam/declared.ts';
import { poolKey } from '../../domain/keys.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { PoolDeclarations } from '../../domain/ports/pool-declarations.ts';
import { declaredPool } from '../ipam/declared-pool.ts';
import type { Etcd } from './client.ts';

export function createPoolDeclarations(etcd: Pick<Etcd, 'get' | 'transact'>, ip: IpNumbers): PoolDeclarations {
  const named = async (name: string): Promise<DeclaredPool> => {
    const entry = await etcd.get(poolKey(name));
    if (entry !== undefined) return declaredPool({ ...(JSON.parse(entry.value) as object), pool: name }, ip);
    throw new PodwireError(
      'AddressingInvalid',
      `the pool of addresses: pool is ${name}, which nobody has declared; allowed: a declared one, or one with its range beside its name`,
    );
  };
  /** Ranges of its own would lead around what the administrator has declared. */
  const refuseDeclared = async (written: unknown, name: string): Promise<void> => {
    const isNamed = typeof written === 'object' && written !== null && 'pool' in written;
    if (!isNamed || (await etcd.get(poolKey(name))) === undefined) return;
    throw new PodwireError(
      'AddressingInvalid',
      `the pool of addresses: pool ${name} is declared, and a range stands beside its name; allowed: its name alone`,
    );
  };
  return {
    async read(written) {
      const declared = declaredPool(written, ip);
      if (!declared.isOnlyNamed) {
        await refuseDeclared(written, declared.pool.name);
        return declared;
      }
      const { pool, routes, dns } = await named(declared.pool.name);
      return {
        ...{ pool, ignored: declared.ignored, dns: declared.dns ?? dns },
        routes: declared.routes.length > 0 ? declared.routes : routes,
      };
    },
    async declare(written) {
      const declared = declaredPool(written, ip);
      if (declared.isOnlyNamed)
        throw new PodwireError('AddressingInvalid', 'the pool of addresses: there is no range; allowed: one or more');
      await etcd.transact([], [{ put: poolKey(declared.pool.name), value: JSON.stringify(written) }]);
      return declared;
    },
  };
}
