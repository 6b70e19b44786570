/** Where a person's tools find the API when podwire's own settings name none: as kubectl looks for it. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const ofHome = (): string => join(homedir(), '.kube', 'config');

/** `KUBECONFIG`, else the file in the home directory if there is one; undefined: neither. */
export function defaultKubeconfig(): string | undefined {
  const { KUBECONFIG: ofAll = '' } = process.env;
  if (ofAll !== '') return ofAll;
  return existsSync(ofHome()) ? ofHome() : undefined;
}

/** Says where an API was looked for in vain. */
export const noKubeconfigText = (): string =>
  `no Kubernetes API to ask: --kubeconfig, PODWIRE_KUBECONFIG and KUBECONFIG are not set, ${ofHome()} is not there, and this is no pod with a service account. Give one of them.`;
