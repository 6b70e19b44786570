/** The result of an ADD without its default routes, for a pod that asked for none: CHECK of its plugins would miss them. Pure. */
import type { JsonObject } from './attachment.ts';

/** @param text a result as the last plugin printed it, read before */
export function withoutDefaultRoutes(text: string): string {
  const result = JSON.parse(text) as JsonObject;
  const { routes } = result;
  if (!Array.isArray(routes)) return text;
  const others = (routes as readonly JsonObject[]).filter(({ dst }) => typeof dst !== 'string' || !dst.endsWith('/0'));
  return JSON.stringify({ ...result, routes: others });
}
