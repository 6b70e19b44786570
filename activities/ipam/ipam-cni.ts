/** podwire as the IPAM plugin of other plugins (CNI 1.1, section 4): addresses of cluster-wide pools for the interfaces that they make (ADR 58). */
import type { JsonObject } from '../../domain/cni/attachment.ts';
import { NEWEST_CNI_VERSION } from '../../domain/cni-server/versions.ts';
import { ipamSection } from '../../domain/cni-server/ipam-configuration.ts';
import { CNI_CODES, CniAnswerError, type PodCni, type PodCniCall } from '../../domain/cni-server/pod-cni.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { DeclaredPool } from '../../domain/ipam/declared.ts';
import { ownerText, type AddressOwner } from '../../domain/ipam/owner.ts';
import type { OwnerRecord } from '../../domain/ipam/records.ts';
import type { AddressPools } from '../../domain/ports/address-pools.ts';
import type { IpCodec } from '../../domain/ports/ip-codec.ts';
import type { PoolDeclarations } from '../../domain/ports/pool-declarations.ts';

export interface IpamCniDeps {
  readonly node: string;
  readonly pools: AddressPools;
  readonly declarations: PoolDeclarations;
  readonly ip: IpCodec;
  /** Fails where an ADD could not be served. */
  readonly probe: () => Promise<unknown>;
}

type Config = PodCniCall['config'];

export function createIpamCni(deps: IpamCniDeps): PodCni {
  return {
    add: (call) => answering(() => add(deps, call)),
    del: (call) => answering(() => del(deps, call)),
    check: (call) => answering(() => check(deps, call)),
    gc: (config, valid) => answering(() => gc(deps, config, valid)),
    status: (config) => status(deps, config),
  };
}

async function add(deps: IpamCniDeps, call: PodCniCall): Promise<Config> {
  const { pool, routes, dns } = await declared(deps, call.config);
  const addresses = wantedAddresses(call.config, deps.ip);
  const wanted = addresses.length === 0 ? {} : { addresses };
  const given = await deps.pools.allocate(pool, ownerOf(deps, call), wanted);
  return {
    cniVersion: NEWEST_CNI_VERSION,
    ips: given.map((each) => ({ ...each })),
    ...(routes.length === 0 ? {} : { routes }),
    ...(dns === undefined ? {} : { dns }),
  };
}

/**
 * Whatever the configuration says by now: what it said at the ADD is in the record. What was taken over from another plugin does not say
 * which configuration it was made for.
 */
async function del({ pools, node }: IpamCniDeps, call: PodCniCall): Promise<void> {
  const owner = ownerOf({ node }, call);
  for (const { owner: recorded, pool } of await pools.held(owner))
    if (recorded.network === undefined || recorded.network === call.config['name']) await pools.release(owner, pool);
}

async function check(deps: IpamCniDeps, call: PodCniCall): Promise<void> {
  const { pool } = await declared(deps, call.config);
  const owner = ownerOf(deps, call);
  const record = (await deps.pools.held(owner)).find((each) => each.pool === pool.name);
  if (record === undefined)
    throw new CniAnswerError(CNI_CODES.failed, `${ownerText(owner)} has no address of pool ${pool.name}`);
  const there = addressesOfResult(call.config['prevResult']);
  const missing = there === undefined ? [] : record.addresses.filter(({ address }) => !there.includes(address));
  if (missing.length > 0)
    throw new CniAnswerError(
      CNI_CODES.failed,
      `${ownerText(owner)} has ${missing.map(({ address }) => address).join(', ')} of pool ${pool.name}, and its result does not`,
    );
}

async function gc(
  { pools, node }: IpamCniDeps,
  config: Config,
  valid: readonly { readonly containerId: string; readonly ifName: string }[],
): Promise<void> {
  const isValid = ({ owner }: OwnerRecord): boolean =>
    valid.some(({ containerId, ifName }) => containerId === owner.id && ifName === owner.interfaceName);
  const ofNetwork = (await pools.ownersOf(node)).filter(({ owner }) => isContainerOf(owner, config['name']));
  for (const record of ofNetwork) if (!isValid(record)) await pools.release(record.owner, record.pool);
}

const isContainerOf = (owner: AddressOwner, network: unknown): boolean =>
  owner.kind === 'container' && owner.network === network;

async function status(deps: IpamCniDeps, config: Config): Promise<void> {
  try {
    await declared(deps, config);
    await deps.probe();
  } catch (error) {
    const answer = asAnswer(error);
    throw answer.code === CNI_CODES.tryAgainLater ? new CniAnswerError(CNI_CODES.notAvailable, answer.message) : answer;
  }
}

const declared = ({ declarations }: IpamCniDeps, config: Config): Promise<DeclaredPool> =>
  declarations.read(ipamSection(config as JsonObject));

function ownerOf(
  { node }: Pick<IpamCniDeps, 'node'>,
  { containerId: id, ifName: interfaceName, netns, pod: { namespace, name }, config }: PodCniCall,
): AddressOwner {
  return {
    ...{ kind: 'container', id, interfaceName, node },
    ...(namespace === '' || name === '' ? {} : { pod: { namespace, name } }),
    network: String(config['name']),
    ...(netns === undefined ? {} : { netns }),
  };
}

/** What the runtime hands over by the capability `ips`, or as `args.cni.ips` (CNI's CONVENTIONS.md); with or without a prefix length. */
function wantedAddresses(config: Config, ip: IpCodec): string[] {
  const { runtimeConfig, args } = config;
  const asked = [objectOf(runtimeConfig)['ips'], objectOf(objectOf(args)['cni'])['ips']].find(Array.isArray) ?? [];
  return (asked as readonly unknown[]).map((each) => {
    const text = typeof each === 'string' ? (each.split('/', 1)[0] ?? '') : '';
    const address = ip.address(text);
    if (address !== undefined) return address.canonical;
    throw new CniAnswerError(
      CNI_CODES.invalidConfig,
      `the network configuration: ips holds ${JSON.stringify(each).slice(0, 80)}; allowed: addresses`,
    );
  });
}

/** undefined: there is none to compare with. */
function addressesOfResult(result: unknown): readonly unknown[] | undefined {
  const { ips } = objectOf(result);
  return Array.isArray(ips) ? (ips as readonly unknown[]).map((each) => objectOf(each)['address']) : undefined;
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asAnswer(error);
  }
}

/** A fault is not told as what the runtime is to try again. */
function asAnswer(error: unknown): CniAnswerError {
  if (error instanceof CniAnswerError) return error;
  if (!(error instanceof PodwireError)) throw error;
  return new CniAnswerError(codeOf(error), `${error.code}: ${error.message}`);
}

function codeOf({ code, retryClass }: PodwireError): number {
  if (code === 'AddressingInvalid' || code === 'AddressOutside') return CNI_CODES.invalidConfig;
  return retryClass === 'transient' ? CNI_CODES.tryAgainLater : CNI_CODES.failed;
}
