import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
/** Each takes longer to load than most commands run. */
const HEAVY = ['@kubernetes/client-node', '@temporalio/client', '@temporalio/worker', '@grpc/grpc-js', 'etcd3'];

/** Packages that are loaded before a command is chosen, each with the file that names it. */
function packagesOf(file: string, seen = new Set<string>()): { name: string; file: string }[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export)(?! type) [^;]*?from '([^']+)';$/gm);
  return [...imports].flatMap(([, name = '']) =>
    name.startsWith('.') ? packagesOf(resolve(dirname(file), name), seen) : [{ name, file }],
  );
}

test('the command line loads no client of Kubernetes, Temporal or etcd before a command needs one', () => {
  const loaded = packagesOf(MAIN);
  assert.ok(loaded.some(({ name }) => name === 'commander'));
  assert.deepEqual(
    loaded.filter(({ name }) => HEAVY.includes(name)),
    [],
  );
});
