import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadFailpoints } from '../../../adapters/host/failpoints.ts';
import { ROOT } from '../../../deploy/lab/image-inputs.ts';

const MODULE = 'build/adapters/host/crash-failpoints.js';
const absent = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('Cannot find module'), { code: 'ERR_MODULE_NOT_FOUND' }));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

test('a build without failpoints never looks for them, and says so when it is told to use some', async () => {
  await (await loadFailpoints(undefined, absent)).hit('ensureVxlanLink:before');
  await assert.rejects(
    loadFailpoints('/run/podwire/failpoints.json', absent),
    /PODWIRE_FAILPOINTS_FILE.*has no failpoints/,
  );
});

test('a build of crash tests has them', async () => {
  await (await loadFailpoints('/nowhere/failpoints.json')).hit('ensureVxlanLink:before');
});

test('neither the npm package nor an image has them, unless an image is built for crash tests', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  assert.ok(files.includes(`!${MODULE}`));
  for (const image of ['node', 'control-plane'])
    assert.match(
      read(`deploy/images/${image}.Dockerfile`),
      new RegExp(`ARG FAILPOINTS=""\\nRUN [^]*test -n "\\$FAILPOINTS" \\|\\| rm ${MODULE}[^]*mv build /application`),
    );
});
