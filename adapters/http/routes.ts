/** Which handler answers a request: the first route whose path fits; unknown paths and methods as Go's routers answer them. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { Answer } from './web-server.ts';

export interface Route {
  readonly method: 'GET' | 'PUT';
  /** The whole path; its groups, decoded, are the handler's arguments. */
  readonly path: RegExp;
  readonly handle: (...parts: string[]) => Answer | Promise<Answer>;
}

export const text = (status: number, body: string): Answer => ({ status, type: 'text/plain; charset=utf-8', body });

/**
 * Never rejects.
 * @param writes who may change something: whoever comes over the loopback interface, or everybody, where clients have to say who they are
 */
export async function route(
  routes: readonly Route[],
  request: IncomingMessage,
  writes: 'loopback' | 'anywhere' = 'loopback',
): Promise<Answer> {
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  const fitting = routes.flatMap((each) => {
    const parts = decoded(each.path.exec(path));
    return parts === undefined ? [] : [{ ...each, parts }];
  });
  if (fitting.length === 0) return text(404, '404 page not found\n');
  const found = fitting.find(({ method }) => method === request.method);
  if (found === undefined)
    return { ...text(405, ''), headers: { allow: fitting.map(({ method }) => method).join(', ') } };
  if (found.method !== 'GET' && writes === 'loopback' && !isFromHere(request)) return text(403, NOT_FROM_HERE);
  try {
    return await found.handle(...found.parts);
  } catch (error) {
    return text(500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

const NOT_FROM_HERE =
  'this is done over the loopback interface only; for other clients set client-basic-auth or client-cert-files in http.conf\n';

/** Whether the request came over the loopback interface. */
export const isFromHere = (request: IncomingMessage): boolean => isLoopback(request.socket.localAddress ?? '');

const isLoopback = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';

/** Undefined for no match, and for escapes that are none. */
function decoded(match: RegExpExecArray | null): string[] | undefined {
  if (match === null) return undefined;
  try {
    return match.slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
