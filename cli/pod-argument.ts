/** `NAMESPACE/POD` and `NAMESPACE` as people type them; the names end up in queries and are checked first. */
import { isDnsLabel } from '../domain/openvnf/names.ts';
import { UsageError } from './usage-error.ts';

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** Kubernetes: names of pods are DNS subdomains (RFC 1123), at most 253 characters. */
const POD_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** @throws UsageError when it is not `NAMESPACE/POD` */
export function podArgument(text: string): PodName {
  const { namespace, name } = namespaceOrPod(text);
  if (name === undefined) throw new UsageError(`${JSON.stringify(text)} names no pod; expected NAMESPACE/POD`);
  return { namespace, name };
}

/** @throws UsageError when it is neither `NAMESPACE` nor `NAMESPACE/POD` */
export function namespaceOrPod(text: string): { readonly namespace: string; readonly name: string | undefined } {
  const [namespace = '', name, ...rest] = text.split('/');
  if (rest.length > 0) throw new UsageError(`${JSON.stringify(text)} has too many slashes; expected NAMESPACE/POD`);
  if (!isDnsLabel(namespace)) {
    throw new UsageError(
      `${JSON.stringify(namespace)} is no namespace; allowed: 1 to 63 lower-case letters, digits and "-"`,
    );
  }
  if (name !== undefined && !POD_NAME.test(name)) {
    throw new UsageError(
      `${JSON.stringify(name)} is no pod name; allowed: 1 to 253 lower-case letters, digits, "-" and "."`,
    );
  }
  return { namespace, name };
}

export const podText = (pod: PodName): string => `${pod.namespace}/${pod.name}`;
