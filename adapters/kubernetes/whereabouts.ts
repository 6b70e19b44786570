/** whereabouts' objects as a cluster has them (CRDs of whereabouts.cni.cncf.io/v1alpha1). */
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { WhereaboutsPool, WhereaboutsReservation } from '../../domain/ipam/whereabouts.ts';
import { apiPath, type KubeClient } from './client.ts';
import { listAll } from './paged-list.ts';
import type { Identified } from './uid-cache.ts';

const metadata = z.object({ name: z.string(), namespace: z.string(), uid: z.string() });
const text = z.string().default('');
const allocation = z.object({ id: text, podref: text, ifname: text });
const poolObject = z.object({
  metadata,
  spec: z.object({ range: z.string(), allocations: z.record(z.string(), allocation).nullish() }),
});
const reservationObject = z.object({ metadata, spec: z.object({ containerid: text, podref: text, ifname: text }) });

export interface WhereaboutsObjects {
  readonly pools: readonly WhereaboutsPool[];
  readonly reservations: readonly WhereaboutsReservation[];
}

/** Where pods run, by `namespace/name`. */
export type NodesOfPods = ReadonlyMap<string, string>;

const PAGE = { pageSize: 500, pageDeadlineMs: 15_000 } as const;

/** @throws PodwireError ApiUnavailable; also where objects are not what whereabouts writes */
export async function listWhereabouts(client: KubeClient, signal: AbortSignal): Promise<WhereaboutsObjects> {
  const pools = await listOf(client, signal, 'ippools', (object) => {
    const { metadata: meta, spec } = poolObject.parse(object);
    return { ...meta, range: spec.range, allocations: spec.allocations ?? {} };
  });
  const reservations = await listOf(client, signal, 'overlappingrangeipreservations', (object) => {
    const { metadata: meta, spec } = reservationObject.parse(object);
    return { ...meta, id: spec.containerid, podref: spec.podref, ifname: spec.ifname };
  });
  return { pools, reservations };
}

/** Pods that have been given a node. @throws PodwireError ApiUnavailable */
export async function nodesOfPods(client: KubeClient, signal: AbortSignal): Promise<NodesOfPods> {
  const pod = z.object({ metadata, spec: z.object({ nodeName: text }) });
  const listed = await listAll(client, {
    ...{ path: apiPath('api', 'v1', 'pods'), query: {}, signal, ...PAGE },
    map: (object) => {
      const { metadata: meta, spec } = pod.parse(object);
      return { ...meta, node: spec.nodeName };
    },
  });
  return new Map(
    listed.items.flatMap(({ view: { namespace, name, node } }) =>
      node === '' ? [] : [[`${namespace}/${name}`, node] as const],
    ),
  );
}

async function listOf<T extends Identified>(
  client: KubeClient,
  signal: AbortSignal,
  plural: string,
  map: (object: unknown) => T,
): Promise<T[]> {
  const path = apiPath('apis', 'whereabouts.cni.cncf.io', 'v1alpha1', plural);
  try {
    const listed = await listAll(client, { ...{ path, query: {}, signal, mayBeUnknown: true, ...PAGE }, map });
    return listed.items.map(({ view }) => view);
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new PodwireError('ApiUnavailable', `list ${path}: an object is none of whereabouts': ${error.message}`);
    throw error;
  }
}
