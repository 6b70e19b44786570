/** The Kubernetes objects that are reflected, as the API gives them. Every method throws `PodwireError('ApiUnavailable')` when it does not answer or refuses. */
import type { ReflectSource } from '../reflect/messages.ts';

/** An object and the name under which it is known: `namespace/name`, or `name` where there are no namespaces. */
export interface NamedObject {
  readonly name: string;
  readonly object: unknown;
}

export interface ReflectCluster {
  /** The object as it is now (a linearizable read), or `SlicesOnly` for Endpoints; undefined when there is none. */
  get(source: ReflectSource, name: string): Promise<unknown>;
  /** All objects, page by page, as they were at one moment. */
  pages(source: ReflectSource, signal?: AbortSignal): AsyncIterable<readonly NamedObject[]>;
}
