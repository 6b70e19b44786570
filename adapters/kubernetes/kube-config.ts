/** Where the API is and who we are there. */
import { KubeConfig } from '@kubernetes/client-node';

/**
 * @param path of a kubeconfig file; undefined: the service account of the pod this runs in
 * @throws Error that names the file when it is missing or broken
 */
export function loadConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromCluster();
    else config.loadFromFile(path);
  } catch (cause) {
    const where = path === undefined ? 'the service account of this pod' : `kubeconfig ${path}`;
    throw new Error(`Cannot read ${where}: ${messageOf(cause)}. Set --kubeconfig to a readable file.`, { cause });
  }
  return config;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Address of the API server that a kubeconfig names, for people. @throws as `loadConfig` */
export const serverOf = (path: string | undefined): string => loadConfig(path).getCurrentCluster()?.server ?? 'unknown';
