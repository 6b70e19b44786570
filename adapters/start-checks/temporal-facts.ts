/** Asks a Temporal frontend what the checks at start want to know, and makes search attributes where that is allowed. */
import { Connection, isGrpcServiceError, type Client } from '@temporalio/client';
import { status } from '@grpc/grpc-js';
import { compareSearchAttributes } from '../../domain/search-attributes.ts';
import type { TemporalFacts, TemporalTarget } from '../../domain/start-checks/temporal.ts';

type Refusable<T> = T | { readonly refused: string };

const CALL_MS = 1_500;
/** temporal.api.enums.v1.IndexedValueType, by the names that Temporal's command line has for them. */
const TYPES = ['Unspecified', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];
/** temporal.api.enums.v1.TaskQueueKind. */
const NORMAL_QUEUE = 1;

/** @param make whether missing search attributes are made */
export async function temporalFacts(client: Client, target: TemporalTarget, make: boolean): Promise<TemporalFacts> {
  const connection = client.connection;
  if (!(connection instanceof Connection)) throw new TypeError('a connection to a server is needed');
  let version: string | undefined;
  try {
    const info = await limited(connection, () => connection.workflowService.getSystemInfo({}));
    version = info.serverVersion ?? undefined;
  } catch (error) {
    return { unreachable: why(error) };
  }
  const about = version === undefined ? {} : { version };
  try {
    const namespace = await namespaceOf(connection, target.namespace);
    if (namespace !== 'present') return { ...about, namespace };
    const [attributes, partitions] = await Promise.all([
      attributesOf(connection, target.namespace, make),
      target.nodeQueue === undefined ? undefined : partitionsOf(connection, target.namespace, target.nodeQueue),
    ]);
    return { ...about, namespace, ...attributes, ...(partitions === undefined ? {} : { partitions }) };
  } catch (error) {
    return { unreachable: why(error) };
  }
}

const limited = <T>(connection: Connection, call: () => Promise<T>): Promise<T> =>
  connection.withDeadline(Date.now() + CALL_MS, call);

async function namespaceOf(
  connection: Connection,
  namespace: string,
): Promise<NonNullable<TemporalFacts['namespace']>> {
  try {
    await limited(connection, () => connection.workflowService.describeNamespace({ namespace }));
    return 'present';
  } catch (error) {
    if (codeOf(error) === status.NOT_FOUND) return 'absent';
    return refusal(error);
  }
}

async function attributesOf(
  connection: Connection,
  namespace: string,
  make: boolean,
): Promise<Pick<TemporalFacts, 'attributes' | 'notMade'>> {
  const attributes = await listAttributes(connection, namespace);
  if ('refused' in attributes || !make) return { attributes };
  const { missing } = compareSearchAttributes(attributes);
  if (missing.length === 0) return { attributes };
  const wanted = missing.map(([name, type]) => [name, TYPES.indexOf(type)] as const);
  try {
    await limited(connection, () =>
      connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(wanted) }),
    );
  } catch (error) {
    return { attributes: await listAttributes(connection, namespace), notMade: refusal(error).refused };
  }
  return { attributes: await listAttributes(connection, namespace) };
}

async function listAttributes(
  connection: Connection,
  namespace: string,
): Promise<Refusable<Readonly<Record<string, string>>>> {
  try {
    const { customAttributes } = await limited(connection, () =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    const entries = Object.entries(customAttributes ?? {});
    return Object.fromEntries(entries.map(([name, type]) => [name, TYPES[type ?? 0] ?? String(type)]));
  } catch (error) {
    return refusal(error);
  }
}

/** @returns undefined when the server does not tell */
async function partitionsOf(connection: Connection, namespace: string, name: string): Promise<number | undefined> {
  const taskQueue = { name, kind: NORMAL_QUEUE };
  const listed = await limited(connection, () =>
    connection.workflowService.listTaskQueuePartitions({ namespace, taskQueue }),
  ).catch(() => undefined);
  return listed?.activityTaskQueuePartitions?.length;
}

/** No answer: the server was asked in vain, which is not the same as being refused. */
const NO_ANSWER: readonly (number | undefined)[] = [
  undefined,
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
];

/** @throws the error, when it is no refusal */
function refusal(error: unknown): { readonly refused: string } {
  if (NO_ANSWER.includes(codeOf(error))) throw error;
  return { refused: why(error) };
}

const codeOf = (error: unknown): number | undefined => (isGrpcServiceError(error) ? error.code : undefined);

const why = (error: unknown): string => {
  if (isGrpcServiceError(error) && error.details !== '') return error.details;
  return error instanceof Error ? error.message : String(error);
};
