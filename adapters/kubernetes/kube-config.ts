/** Where the API is and who we are there. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import type { RequestOptions } from 'node:https';
import { KubeConfig, loadYaml, type User } from '@kubernetes/client-node';
import { z } from 'zod';
import { KubeConfigError, NoKubeConfigError } from './kube-config-error.ts';
import { UserCredential } from './user-credential.ts';

export interface LoadedConfig {
  readonly config: KubeConfig;
  /** Absent where the library has all that is needed: a token, a certificate, the service account. */
  readonly credential?: UserCredential;
}

/**
 * @param path of a kubeconfig file, or several as in KUBECONFIG; undefined: the service account of the pod this runs in
 * @param context of the kubeconfig, instead of its current one
 * @throws KubeConfigError that names the file when it is missing or broken, or lacks the context
 */
export function loadConfig(path: string | undefined, context?: string): LoadedConfig {
  if (path === undefined && context !== undefined) throw new NoKubeConfigError();
  if (path === undefined) return { config: ofThisPod() };
  const files = filesOf(path);
  try {
    return ofFiles(files, context);
  } catch (cause) {
    if (cause instanceof KubeConfigError) throw cause;
    const why = messageOf(cause);
    throw new KubeConfigError(`Cannot read kubeconfig ${path}: ${why}. Set --kubeconfig to a readable file.`, {
      cause,
    });
  }
}

/** Address of the API server that a kubeconfig names, for people. @throws as `loadConfig` */
export const serverOf = (path: string | undefined): string =>
  loadConfig(path).config.getCurrentCluster()?.server ?? 'unknown';

function ofThisPod(): KubeConfig {
  if ((process.env['KUBERNETES_SERVICE_HOST'] ?? '') === '') throw new NoKubeConfigError();
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

/** Of several, those that are not there are passed over, as kubectl does. */
function filesOf(path: string): readonly string[] {
  if (existsSync(path) || !path.includes(delimiter)) return [path];
  const files = path.split(delimiter).filter((file) => file !== '' && existsSync(file));
  if (files.length === 0)
    throw new KubeConfigError(`None of the kubeconfigs ${path} is there. Set --kubeconfig to one.`);
  return files;
}

/** What the library does not know of a user, or keeps no better than for one request. */
const usersSchema = z.object({
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z.object({ tokenFile: z.string().nullish() }).nullish(),
      }),
    )
    .nullish(),
});

/** Where a user's file or program is found, and from where. */
interface UserSource {
  readonly dir: string;
  readonly tokenFile: string | undefined;
}

function ofFiles(files: readonly string[], context: string | undefined): LoadedConfig {
  const config = new KubeConfig();
  const sources = new Map<string, UserSource>();
  for (const file of files) {
    const one = new KubeConfig();
    one.loadFromFile(file);
    addMissing(config, one);
    for (const { name, user } of usersSchema.parse(loadYaml(readFileSync(file, 'utf8'))).users ?? []) {
      if (!sources.has(name))
        sources.set(name, { dir: resolve(dirname(file)), tokenFile: user?.tokenFile ?? undefined });
    }
  }
  if (context !== undefined) choose(config, context);
  const user = config.getCurrentUser();
  const source = user === null ? undefined : sources.get(user.name);
  return user === null || source === undefined ? { config } : withCredential(config, user, source);
}

/** The library runs a plugin anew for each request where it names no end, and never again where the API refuses what it gave. */
function withCredential(config: KubeConfig, user: User, { dir, tokenFile }: UserSource): LoadedConfig {
  const exec: unknown = user.exec ?? undefined;
  if (tokenFile === undefined && exec === undefined) return { config };
  const credential = new UserCredential(
    tokenFile === undefined ? { exec, dir } : { tokenFile: resolve(dir, tokenFile) },
  );
  const { token, ...others } = user;
  const known: User = {
    ...others,
    exec: undefined,
    ...(tokenFile === undefined && token !== undefined ? { token } : {}),
  };
  config.users = config.users.map((each) => (each.name === user.name ? known : each));
  config.addAuthenticator({
    isAuthProvider: ({ name }) => name === user.name,
    applyAuthentication: (_: User, request: RequestOptions) => credential.applyTo(request),
  });
  return { config, credential };
}

function choose(config: KubeConfig, context: string): void {
  const names = config.contexts.map(({ name }) => name);
  if (!names.includes(context))
    throw new KubeConfigError(`The kubeconfig has no context ${JSON.stringify(context)}; it has: ${names.join(', ')}`);
  config.setCurrentContext(context);
}

/** The first of equal names counts, and the first current context. */
function addMissing(config: KubeConfig, other: KubeConfig): void {
  const isNew = <T extends { readonly name: string }>(known: readonly T[], one: T): boolean =>
    !known.some(({ name }) => name === one.name);
  for (const cluster of other.clusters) if (isNew(config.clusters, cluster)) config.addCluster(cluster);
  for (const user of other.users) if (isNew(config.users, user)) config.addUser(user);
  for (const context of other.contexts) if (isNew(config.contexts, context)) config.addContext(context);
  if ((config.currentContext ?? '') === '') config.currentContext = other.currentContext;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
