/** What a pod asks of CNI plugins and what came of it, as it is kept in etcd and in the node's journal. */
import { z } from 'zod';
import type { CniAttachmentSpec, CniCapabilityArgs, JsonObject } from '../../domain/cni/attachment.ts';
import type { LinkResult } from '../../domain/records.ts';

export const jsonObjectSchema: z.ZodType<JsonObject> = z.record(z.string(), z.json());

export const capabilityArgsSchema: z.ZodType<CniCapabilityArgs> = z.strictObject({
  ips: z.array(z.string()).exactOptional(),
  mac: z.string().exactOptional(),
  infinibandGUID: z.string().exactOptional(),
  bandwidth: z
    .strictObject({
      ingressRate: z.number().exactOptional(),
      ingressBurst: z.number().exactOptional(),
      egressRate: z.number().exactOptional(),
      egressBurst: z.number().exactOptional(),
    })
    .exactOptional(),
  portMappings: z
    .array(
      z.strictObject({
        hostPort: z.number().int(),
        containerPort: z.number().int(),
        protocol: z.enum(['tcp', 'udp', 'sctp']),
        hostIP: z.string().exactOptional(),
      }),
    )
    .exactOptional(),
  deviceID: z.string().exactOptional(),
});

export const cniSpecSchema: z.ZodType<CniAttachmentSpec> = z.object({
  kind: z.literal('cni'),
  interfaceName: z.string(),
  capabilityArgs: capabilityArgsSchema,
  args: z.array(z.tuple([z.string(), z.string()])),
  configArgs: jsonObjectSchema.exactOptional(),
  defaultRoute: z.array(z.string()),
  noDefaultRoute: z.literal(true).exactOptional(),
});

/** What the node read back from the kernel. */
export const linkResultSchema: z.ZodType<LinkResult> = z.object({
  ifindex: z.number().int(),
  hostIfindex: z.number().int().exactOptional(),
  mac: z.string(),
  mtu: z.number().int(),
  addresses: z.array(z.string()),
  adopted: z.boolean(),
  before: z.enum(['absent', 'ours', 'foreign-compatible']),
  sendsFrom: z.array(z.string()).exactOptional(),
  given: z
    .object({
      addresses: z.array(z.string()),
      routes: z.array(z.object({ destination: z.string(), gateway: z.string() })),
    })
    .exactOptional(),
  dns: z
    .object({
      nameservers: z.array(z.string()).exactOptional(),
      domain: z.string().exactOptional(),
      search: z.array(z.string()).exactOptional(),
    })
    .exactOptional(),
  gateways: z.array(z.string()).exactOptional(),
  others: z
    .array(z.object({ interfaceName: z.string(), mac: z.string().exactOptional(), addresses: z.array(z.string()) }))
    .exactOptional(),
  warning: z.object({ code: z.string(), message: z.string() }).exactOptional(),
});
