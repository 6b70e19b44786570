import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../../adapters/process/run.ts';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const podwire = async (args: readonly string[], env: Record<string, string> = {}): Promise<string> => {
  const { code, stdout, stderr } = await run({
    ...{ file: process.execPath, args: ['--import', import.meta.resolve('tsx'), MAIN, ...args] },
    ...{ env, timeoutMs: 30_000 },
  });
  assert.equal(code, 0, stderr);
  return stdout;
};

describe('the version of the command line', () => {
  it('is said by --version and by version, with what the builder said', async () => {
    assert.equal(await podwire(['--version']), `${version}\n`);
    assert.equal(await podwire(['version']), `podwire ${version}\n`);
    const built = { PODWIRE_BUILD_COMMIT: 'abc123', PODWIRE_BUILD_DATE: '2026-01-02' };
    assert.equal(await podwire(['version'], built), `podwire ${version} (commit abc123, built 2026-01-02)\n`);
    assert.deepEqual(JSON.parse(await podwire(['version', '-o', 'json'], built)), {
      ...{ version, commit: 'abc123', date: '2026-01-02' },
    });
  });
});
