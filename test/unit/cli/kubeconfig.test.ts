import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../../adapters/process/run.ts';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));

describe('the command line’s way to the API', () => {
  let dir = '';
  let server: Server;
  let asked = 0;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'podwire-cli-'));
    server = createServer((_, response) => {
      asked += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"metadata":{},"items":[]}');
    });
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      clusters: [
        { name: 'c', cluster: { server: `http://127.0.0.1:${address.port}`, 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    };
    writeFileSync(join(dir, 'config'), JSON.stringify(config));
  });
  after(() => {
    server.close();
    rmSync(dir, { recursive: true });
  });

  const doctor = (env: Record<string, string>, ...more: string[]) =>
    run({
      ...{ file: process.execPath, args: ['--import', import.meta.resolve('tsx'), MAIN, 'doctor', ...more] },
      ...{ env: { PATH: '/usr/bin:/bin', HOME: dir, ...env }, timeoutMs: 60_000 },
    });

  it('is kubectl’s KUBECONFIG where podwire’s own variable says nothing', async () => {
    const { stderr } = await doctor({ KUBECONFIG: join(dir, 'config') });
    assert.ok(asked > 0, stderr);
    const before = asked;
    const other = await doctor({ KUBECONFIG: join(dir, 'config'), PODWIRE_KUBECONFIG: join(dir, 'gone') });
    assert.equal(asked, before);
    assert.match(other.stderr, /^podwire: Cannot read kubeconfig .*gone/);
  });

  it('is the file in the home directory where no variable says anything, and no other one then', async () => {
    const home = join(dir, 'home');
    mkdirSync(join(home, '.kube'), { recursive: true });
    copyFileSync(join(dir, 'config'), join(home, '.kube', 'config'));
    const before = asked;
    const { stderr } = await doctor({ HOME: home });
    assert.ok(asked > before, stderr);
    const other = await doctor({ HOME: home, KUBECONFIG: join(dir, 'gone') });
    assert.match(other.stderr, /^podwire: Cannot read kubeconfig .*gone/);
  });

  it('is another context of the file where --context names one; one that is not there is refused with those that are', async () => {
    const config = JSON.parse(readFileSync(join(dir, 'config'), 'utf8')) as { contexts: object[] };
    const contexts = [{ name: 'none', context: { cluster: 'nowhere', user: 'u' } }, ...config.contexts];
    const path = join(dir, 'two');
    writeFileSync(path, JSON.stringify({ ...config, contexts, 'current-context': 'none' }));
    const before = asked;
    await doctor({ KUBECONFIG: path, PODWIRE_KUBE_CONTEXT: 'c' });
    assert.ok(asked > before);
    const { code, stderr } = await doctor({ KUBECONFIG: path }, '--context', 'prod');
    assert.deepEqual([code, stderr], [1, 'podwire: The kubeconfig has no context "prod"; it has: none, c\n']);
  });

  it('is missed in one line that says where it was looked for', async () => {
    const { code, stderr } = await doctor({});
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `podwire: no Kubernetes API to ask: --kubeconfig, PODWIRE_KUBECONFIG and KUBECONFIG are not set, ${dir}/.kube/config is not there, and this is no pod with a service account. Give one of them.\n`,
    );
  });
});
