/** The Kubernetes API as a person reaches it: by a kubeconfig and one of its contexts. */
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import type { SettingsTable, Values } from '../config/cli-flags.ts';
import { kubernetesSettings, optionalText } from '../config/common.ts';

export const apiSettings = {
  ...kubernetesSettings,
  context: {
    flag: 'context',
    env: 'PODWIRE_KUBE_CONTEXT',
    schema: optionalText,
    help: "context of the kubeconfig; without one, the kubeconfig's current one",
  },
} as const satisfies SettingsTable;

export type ApiSettings = Values<typeof apiSettings>;

/** To be closed by the caller. Makes no connection. @throws KubeConfigError */
export async function openApi({ kubeconfig, context }: ApiSettings): Promise<KubeClient> {
  // Loaded only here: it takes longer than everything that other commands do.
  const { createKubeClient } = await import('../adapters/kubernetes/client.ts');
  return createKubeClient({ kubeconfig, context });
}
