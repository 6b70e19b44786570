/**
 * Copies what the built podwire loads of node_modules, and nothing else: packages that its dependencies reach (not what only bundles
 * workflows, which happened at build time), of them what Node reads at run time, and one platform's build of Temporal's core.
 *
 * Runs in the images' build stage: `tsx production-modules.ts SBOM TARGET`, in the folder of package.json. SBOM is what `npm sbom` wrote of
 * all packages (its --omit=dev also omits what both podwire and a tool need); a copy without those that were left out goes to TARGET/sbom.json.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { transformSync } from 'esbuild';

const WORKER = '@temporalio/worker';
const CORE = '@temporalio/core-bridge';
/** What the SDK's worker wants for bundling only. */
const BUNDLING = new Set(['@swc/core', 'memfs', 'source-map-loader', 'swc-loader', 'unionfs', 'webpack']);
const BUNDLER = 'lib/workflow/bundler.js';
/** Required by the worker whether it bundles or not. */
const BUNDLER_STAND_IN = `'use strict';
const absent = () => { throw new Error('this image of podwire holds no bundler: workflow-bundle.js was made when it was built'); };
exports.defaultWorkflowInterceptorModules = [require.resolve('../workflow-log-interceptor')];
exports.WorkflowCodeBundler = class { constructor() { absent(); } };
exports.bundleWorkflowCode = async () => absent();
`;
const LOADED = new Set(['.js', '.cjs', '.mjs', '.json', '.node', '.proto', '.wasm']);
const LEGAL = /^(licen[cs]e|notice|copying)/i;
const TESTS = /(^|\/)(tests?|__tests__|examples?|bench(marks?)?)\/|[._-](test|spec)\.[cm]?js$/;
/** Each of OpenTelemetry's packages is there two or three times; they require one another, so that Node takes build/src and .cjs. */
const FOR_BUNDLERS = /^(build\/(esm|esnext)\/|dist\/.*\.mjs$)/;
/** Generated, two thirds of it indentation, and of no interest to a reader of a stack. */
const GENERATED = /@kubernetes\/client-node\/dist\/gen\/.*\.js$/;

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}
interface Sbom {
  components: { 'bom-ref': string; name: string; version: string }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

const [sbomFile, target] = process.argv.slice(2);
if (sbomFile === undefined || target === undefined) throw new Error('usage: production-modules.ts SBOM TARGET');
const root = process.cwd();
const kept = reachable(root);
for (const folder of kept) copyPackage(folder);
writeSbom(sbomFile, join(target, 'sbom.json'));
process.stdout.write(`${kept.size} packages in ${target}\n`);

/** Folders of all packages that the one in `from` reaches. */
function reachable(from: string, found = new Set<string>()): Set<string> {
  const { name, ...manifest } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Manifest;
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  for (const dependency of Object.keys(wanted)) {
    const folder = name === WORKER && BUNDLING.has(dependency) ? undefined : resolved(from, dependency);
    if (folder === undefined || found.has(folder) || dependency.startsWith('@types/')) continue;
    found.add(folder);
    reachable(folder, found);
  }
  return found;
}

/** As Node finds a package; undefined for an optional one that is not installed. */
function resolved(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === root) return undefined;
  }
}

function copyPackage(folder: string): void {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  for (const file of filesOf(folder)) {
    const inside = relative(folder, file);
    if (!isLoaded(name, inside)) continue;
    const to = join(target as string, relative(root, file));
    mkdirSync(dirname(to), { recursive: true });
    if (name === WORKER && inside === BUNDLER) writeFileSync(to, BUNDLER_STAND_IN);
    else if (GENERATED.test(file)) writeFileSync(to, dense(readFileSync(file, 'utf8')));
    else cpSync(file, to);
  }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    if (!statSync(path).isDirectory()) return [path];
    return entry === 'node_modules' ? [] : filesOf(path);
  });
}

function isLoaded(name: string, file: string): boolean {
  if (LEGAL.test(file)) return true;
  if (!LOADED.has(extname(file)) || TESTS.test(file)) return false;
  if (name.startsWith('@opentelemetry/') && FOR_BUNDLERS.test(file)) return false;
  if (name === WORKER) return !file.startsWith('lib/workflow/bundler/');
  return name !== CORE || /^(lib\/|(index|common)\.js$|package\.json$)/.test(file) || file === coreOfThisPlatform();
}

function coreOfThisPlatform(): string {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  if (machine === undefined) throw new Error(`Temporal's core is built for x64 and arm64, not for ${process.arch}`);
  return `releases/${machine}-unknown-linux-gnu/index.node`;
}

function dense(code: string): string {
  return transformSync(code, { minifyWhitespace: true, platform: 'node' }).code;
}

/** The bill names a package by name and version, whatever folders it is in. */
function writeSbom(from: string, to: string): void {
  const sbom = JSON.parse(readFileSync(from, 'utf8')) as Sbom;
  const versions = new Set([...kept].map((folder) => nameAndVersion(folder)));
  const absent = sbom.components.filter((component) => !versions.has(`${component.name}@${component.version}`));
  const refs = new Set(absent.map((component) => component['bom-ref']));
  const isThere = (ref: string): boolean => !refs.has(ref);
  sbom.components = sbom.components.filter((component) => isThere(component['bom-ref']));
  sbom.dependencies = sbom.dependencies
    .filter(({ ref }) => isThere(ref))
    .map((entry) => ({ ...entry, dependsOn: (entry.dependsOn ?? []).filter(isThere) }));
  const listed = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
  const unlisted = [...versions].filter((version) => !listed.has(version));
  if (unlisted.length > 0) throw new Error(`${from} does not name ${unlisted.join(', ')}`);
  writeFileSync(to, JSON.stringify(sbom));
}

function nameAndVersion(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  return `${name}@${version}`;
}
