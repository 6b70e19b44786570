/** VERSION, asked only where the answer helps: when a plugin refuses the configuration's version. */
import { z } from 'zod';
import { invokePlugin } from './invoke-plugin.ts';
import type { PluginBinary } from './plugin-binary.ts';

const TIMEOUT_MS = 5_000;
const MAX_CACHED = 100;

const schema = z.object({ supportedVersions: z.array(z.string().regex(/^[0-9.]{1,20}$/)).max(30) });

/** Remembers per file; a replaced plugin is asked anew. */
export class SupportedVersions {
  readonly #known = new Map<string, readonly string[]>();

  /** Versions of the specification that a plugin says it knows; empty when it does not say. */
  async of(binary: PluginBinary, signal: AbortSignal): Promise<readonly string[]> {
    const key = `${binary.path} ${binary.version}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    try {
      const stdin = JSON.stringify({ cniVersion: '1.1.0' });
      const said = await invokePlugin(
        binary,
        { command: 'VERSION', env: {}, stdin, signal },
        { timeoutMs: TIMEOUT_MS },
      );
      const versions = schema.parse(JSON.parse(said)).supportedVersions;
      if (this.#known.size >= MAX_CACHED) this.#known.clear();
      this.#known.set(key, versions);
      return versions;
    } catch {
      return [];
    }
  }
}
