/** Pod sandboxes as the container runtime tells them. What it tells beyond the named fields is never kept or logged. */
import { z } from 'zod';
import { dropOldest } from '../../domain/drop-oldest.ts';
import { asksForNetworks } from '../../domain/desired-inputs.ts';
import type { SandboxDetails, SandboxRuntime, SandboxSummary } from '../../domain/ports/sandbox-runtime.ts';
import type { AskSettings } from '../../domain/settings.ts';
import { checked } from './checked.ts';
import type { CriClient } from './client.ts';

/** Kubelet sets it on every sandbox (k8s.io/kubelet/pkg/types). */
const POD_UID_LABEL = 'io.kubernetes.pod.uid';

const summarySchema = z.object({
  id: z.string().min(1),
  metadata: z.object({ name: z.string(), uid: z.string(), namespace: z.string() }),
  state: z.string(),
  created_at: z.string(),
});
const texts = z.record(z.string(), z.string());
const listSchema = z.object({ items: z.array(summarySchema.extend({ labels: texts, annotations: texts })) });
const idsSchema = z.object({ items: z.array(z.object({ id: z.string().min(1) })) });
const statusSchema = z.object({
  status: summarySchema.extend({
    network: z.object({ ip: z.string(), additional_ips: z.array(z.object({ ip: z.string() })) }).nullable(),
    linux: z
      .object({ namespaces: z.object({ options: z.object({ network: z.string() }).nullable() }).nullable() })
      .nullable(),
  }),
  info: z.record(z.string(), z.string()),
});
const infoSchema = z.object({
  pid: z.number().int().positive().optional().catch(undefined),
  runtimeSpec: z
    .object({ linux: z.object({ namespaces: z.array(z.object({ type: z.string(), path: z.string().optional() })) }) })
    .optional(),
});

/** A node has at most a few hundred pods; what is forgotten is asked for again. */
const MAX_REMEMBERED = 1_000;

/**
 * Where a Ready sandbox's netns is does not change as long as it is Ready. The runtime takes 2.4 ms to tell it and 1.1 for the state alone
 * (measured): it is asked for once, the state each time.
 */
export function createSandboxRuntime(cri: CriClient, settings: AskSettings): SandboxRuntime {
  const remembered = new Map<string, OwnNetns>();
  return {
    async listReady(podUid) {
      const filter = {
        state: { state: 'SANDBOX_READY' },
        ...(podUid === undefined ? {} : { label_selector: { [POD_UID_LABEL]: podUid } }),
      };
      const answer = checked(listSchema, await cri.call('ListPodSandbox', { filter }), 'ListPodSandbox');
      return answer.items.map((sandbox) => ({ ...summary(sandbox), asks: asksForNetworks(sandbox, settings) }));
    },
    async describe(sandboxId) {
      const known = remembered.get(sandboxId);
      const answer = await cri.call('PodSandboxStatus', { pod_sandbox_id: sandboxId, verbose: known === undefined });
      const found =
        answer === undefined ? undefined : details(checked(statusSchema, answer, 'PodSandboxStatus'), known);
      if (found?.ready !== true) remembered.delete(sandboxId);
      else if (found.netnsPath !== undefined && found.pid !== undefined) {
        remembered.set(sandboxId, { netnsPath: found.netnsPath, pid: found.pid });
        dropOldest(remembered, MAX_REMEMBERED);
      }
      return found;
    },
  };
}

/** Ids of all sandboxes that the runtime lists, whatever their state. @throws PodwireError CriUnavailable */
export async function listSandboxIds(cri: CriClient): Promise<ReadonlySet<string>> {
  const answer = checked(idsSchema, await cri.call('ListPodSandbox', {}), 'ListPodSandbox');
  return new Set(answer.items.map(({ id }) => id));
}

function summary(sandbox: z.infer<typeof summarySchema>): SandboxSummary {
  return {
    id: sandbox.id,
    podUid: sandbox.metadata.uid,
    namespace: sandbox.metadata.namespace,
    name: sandbox.metadata.name,
    ready: sandbox.state === 'SANDBOX_READY',
    createdAt: sandbox.created_at,
  };
}

interface OwnNetns {
  readonly netnsPath?: string | undefined;
  readonly pid?: number | undefined;
}

function details({ status, info }: z.infer<typeof statusSchema>, known: OwnNetns | undefined): SandboxDetails {
  const { network, linux } = status;
  const hostNetwork = linux?.namespaces?.options?.network === 'NODE';
  const ips = network === null ? [] : [network.ip, ...network.additional_ips.map(({ ip }) => ip)];
  const { netnsPath, pid } = hostNetwork ? {} : (known ?? ownNetns(info['info']));
  return {
    ...summary(status),
    hostNetwork,
    netnsPath,
    podIPs: ips.filter((ip) => ip !== ''),
    ...(pid === undefined ? {} : { pid }),
  };
}

/** containerd puts the sandbox's OCI specification and process into the verbose answer; the runtime has joined it to this netns. */
function ownNetns(info: string | undefined): OwnNetns {
  if (info === undefined) return {};
  const { runtimeSpec, pid } = checked(infoSchema, parseJson(info), 'PodSandboxStatus info');
  const path = runtimeSpec?.linux.namespaces.find(({ type }) => type === 'network')?.path;
  return { netnsPath: path === '' ? undefined : path, pid };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
