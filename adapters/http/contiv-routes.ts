/** `GET /contiv/v1/…` of a node (contiv's REST API has `ipam` of these). */
import {
  interfaceAnswer,
  ipamAnswerOf,
  nodeIpAnswer,
  podAnswer,
  podsAnswer,
  podSubnetsAnswer,
  type NodeAnswers,
  type QueryAnswer,
} from '../../domain/primary/contiv-queries.ts';
import type { Route } from './routes.ts';
import type { Answer } from './web-server.ts';

export function contivRoutes(answers: NodeAnswers): readonly Route[] {
  const { sandboxes } = answers;
  const get = (path: RegExp, ask: (...parts: string[]) => QueryAnswer | Promise<QueryAnswer>): Route => ({
    ...{ method: 'GET', path },
    handle: async (...parts) => asJson(await ask(...parts)),
  });
  return [
    get(/^\/contiv\/v1\/ipam$/, () => ipamAnswerOf(answers)),
    get(/^\/contiv\/v1\/node-ip$/, () => nodeIpAnswer(answers)),
    get(/^\/contiv\/v1\/pod-subnets$/, () => podSubnetsAnswer(answers)),
    get(/^\/contiv\/v1\/pods$/, () => podsAnswer(sandboxes())),
    get(/^\/contiv\/v1\/pods\/([^/]+)\/([^/]+)$/, (namespace = '', name = '') =>
      podAnswer(sandboxes(), namespace, name),
    ),
    get(/^\/contiv\/v1\/interfaces\/([^/]+)$/, (name = '') => interfaceAnswer(sandboxes(), name)),
  ];
}

const asJson = ({ status, body }: QueryAnswer): Answer => ({ status, type: 'application/json; charset=UTF-8', body });
