/** The package as npm publishes it: packed, put into an empty folder, and used there without a checkout and without what only development needs. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { attempt, findProgram, must } from '../../deploy/lab/commands.ts';
import { ROOT } from '../../deploy/lab/image-inputs.ts';

const SOURCES = ['cni', 'domain', 'workflows', 'activities', 'adapters', 'config', 'workers', 'watcher', 'cli'];
const FILES = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
];
const NPM = realpathSync(
  findProgram('npm', `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`) ??
    assert.fail('npm is not installed'),
);
const NPX = join(dirname(NPM), 'npx-cli.js');

interface Lock {
  readonly packages: Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>;
}

describe('the tarball of npm pack', () => {
  let work: string;
  let project: string;
  const env = (): Record<string, string> => ({ HOME: work, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` });
  const npx = (...words: string[]): ReturnType<typeof attempt> =>
    // npx takes its project from the folder it is started in, which npm calls its prefix.
    attempt(process.execPath, [NPX, '--prefix', project, '--offline', '--no', '--', 'podwire', ...words], {
      env: env(),
      timeoutMs: 60_000,
    });

  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'podwire-package-'));
    const copy = join(work, 'copy');
    project = join(work, 'project');
    for (const name of [...SOURCES, ...FILES]) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(copy, 'node_modules'));
    // What `npm run package` does; scripts are off otherwise.
    const pack = ['pack', '--silent', '--ignore-scripts=false', '--prefix', copy, `--pack-destination=${work}`, copy];
    await must(process.execPath, [NPM, ...pack], { env: env(), timeoutMs: 240_000 });
    await install(join(work, 'podwire-0.1.0.tgz'));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  /** As npm lays it out, but with links to the modules that are here already: no registry is asked. */
  async function install(tarball: string): Promise<void> {
    const modules = join(project, 'node_modules');
    mkdirSync(join(modules, 'podwire'), { recursive: true });
    writeFileSync(join(project, 'package.json'), '{"name":"project","version":"1.0.0"}');
    await must('tar', ['-C', join(modules, 'podwire'), '--strip-components=1', '-xzf', tarball]);
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
    for (const [path, { dev }] of Object.entries(packages)) {
      const name = /^node_modules\/((@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
      if (name === undefined || dev === true || !existsSync(join(ROOT, path))) continue;
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(realpathSync(join(ROOT, path)), join(modules, name));
    }
    mkdirSync(join(modules, '.bin'));
    const { bin } = JSON.parse(readFileSync(join(modules, 'podwire/package.json'), 'utf8')) as {
      bin: { podwire: string };
    };
    await must('chmod', ['755', join(modules, 'podwire', bin.podwire)]);
    symlinkSync(join('../podwire', bin.podwire), join(modules, '.bin/podwire'));
  }

  it('checks an annotation by npx, without a checkout', async () => {
    const file = join(work, 'annotation');
    writeFileSync(file, '[{"name": "blue", "interface": ');
    const { code, stdout, stderr } = await npx('lint', file);
    assert.equal(code, 2, stdout + stderr);
    assert.ok(!/Cannot find|ERR_MODULE/.test(stderr), stderr);
  });

  it('tells its version', async () => {
    const { stdout, stderr } = await npx('--version');
    assert.equal(stdout.trim(), '0.1.0', stderr);
  });

  it('holds the build and what says what it is, and neither sources nor tests', async () => {
    const listed = (await must('tar', ['-tzf', join(work, 'podwire-0.1.0.tgz')])).trim().split('\n');
    assert.ok(listed.includes('package/build/cli/main.js'));
    assert.ok(listed.includes('package/LICENSE'));
    assert.deepEqual(
      listed.filter((name) => !/^package\/(package\.json|README\.md|LICENSE|build\/.*\.(js|proto))$/.test(name)),
      [],
    );
  });
});
