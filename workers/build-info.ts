/** What was built, as far as it is known: the version of the package, and what the image's builder says in the environment. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BuildInfo } from '../domain/reflect/agent-status.ts';

/** Beside the sources and in an image it lies one folder up; a local build is a folder of its own. */
const PLACES = ['../package.json', '../../package.json'];

export function buildInfo(env: Readonly<Record<string, string | undefined>>): BuildInfo {
  const version = PLACES.map(versionIn).find((text) => text !== undefined) ?? '';
  return { version, date: env['PODWIRE_BUILD_DATE'] ?? '', commit: env['PODWIRE_BUILD_COMMIT'] ?? '' };
}

function versionIn(place: string): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(fileURLToPath(new URL(place, import.meta.url)), 'utf8')) as {
      name?: unknown;
      version?: unknown;
    };
    return name === 'podwire' && typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
