/** Requests of podwire's CNI executable, read as strictly as if somebody else had written them. */
import { z } from 'zod';
import type { JsonObject } from '../../domain/cni/attachment.ts';
import {
  checkConfiguration,
  MAX_CONFIGURATION_BYTES,
  MAX_LIMIT_MS,
  readVersion,
  type ValidAttachment,
} from '../../domain/cni-server/configuration.ts';
import {
  CONTAINER_ID_RULE,
  IF_NAME_RULE,
  isCalledInterface,
  isContainerId,
  isPlainPath,
  PATH_RULE,
} from '../../domain/cni-server/environment.ts';
import { CNI_CODES, CniAnswerError } from '../../domain/cni-server/pod-cni.ts';
import type { CniService, ContainerRequest, NetworkRequest } from '../../domain/cni-server/protocol.ts';
import type { ServedCommand } from '../../domain/cni-server/versions.ts';
import { readTraceParent, TRACE_PARENT_RULE } from '../../domain/text/trace-parent.ts';
import { parseStrictJson } from '../../domain/text/strict-json.ts';

/** A configuration, and what is around it. */
export const MAX_REQUEST_BYTES = MAX_CONFIGURATION_BYTES + 256 * 1024;
/** A configuration may nest as deep as strict JSON allows, and stands two levels down. */
const MAX_DEPTH = 34;
const MAX_VALID = 10_000;

export type CheckedRequest =
  | ({ readonly command: 'ADD' | 'DEL' | 'CHECK' } & ContainerRequest)
  | ({ readonly command: 'GC'; readonly valid: readonly ValidAttachment[] } & NetworkRequest)
  | ({ readonly command: 'STATUS' } & NetworkRequest);

const containerId = z.string().refine(isContainerId, `must be ${CONTAINER_ID_RULE}`);
const ifName = z.string().refine(isCalledInterface, `must be ${IF_NAME_RULE}`);
const config = z.record(z.string(), z.unknown());
const limitMs = z.number().int().min(1).max(MAX_LIMIT_MS);
const podName = z.string().max(253);

const container = z.strictObject({
  call: z.strictObject({
    containerId,
    netns: z.string().refine(isPlainPath, `must be ${PATH_RULE}`).optional(),
    ifName,
    pod: z.strictObject({ namespace: podName, name: podName, uid: z.string().max(128).optional() }),
    config,
  }),
  limitMs,
  traceparent: z
    .string()
    .refine((text) => readTraceParent(text) !== undefined, `must be ${TRACE_PARENT_RULE}`)
    .exactOptional(),
});
const network = z.strictObject({ config, limitMs });
const collection = z.strictObject({
  config,
  limitMs,
  valid: z.array(z.strictObject({ containerId, ifName })).max(MAX_VALID),
});

/** @throws CniAnswerError 6 (no such request), 1 and 7 (its configuration) */
export function readRequest(command: ServedCommand, body: string, service: CniService): CheckedRequest {
  const json = parseStrictJson(body, { maxBytes: MAX_REQUEST_BYTES, maxDepth: MAX_DEPTH });
  if (!json.ok) throw undecodable(json.why);
  const request = read(command, json.value, service);
  const theirs = ('call' in request ? request.call.config : request.config) as JsonObject;
  readVersion(theirs, command);
  checkConfiguration(theirs);
  return request;
}

function read(command: ServedCommand, value: unknown, service: CniService): CheckedRequest {
  if (command === 'STATUS') return { command, ...checked(network, value) };
  if (command === 'GC') return { command, ...checked(collection, value) };
  const { call, ...rest } = checked(container, value);
  const { pod, netns } = call;
  if (command !== 'DEL' && netns === undefined) throw undecodable(`call.netns is missing; allowed: ${PATH_RULE}`);
  // Addresses are for whoever runs CNI.
  if (service === 'cni' && command !== 'DEL' && (pod.namespace === '' || pod.name === ''))
    throw undecodable("call.pod is empty; allowed: the pod's namespace and name");
  return { command, call: { ...call, netns, pod: { ...pod, uid: pod.uid } }, ...rest };
}

function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 5);
  throw undecodable(issues.map(({ path, message }) => `${path.map(String).join('.') || 'it'}: ${message}`).join('; '));
}

const undecodable = (why: string): CniAnswerError =>
  new CniAnswerError(CNI_CODES.decode, `the request to the node worker is none of its protocol: ${why}`);
