/**
 * A CNI plugin that does what its control file says, and writes down every call. For faults that real plugins do not show on demand;
 * see install.ts, which puts it somewhere under some name, for the shape of both files.
 */
import { Buffer } from 'node:buffer';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import process from 'node:process';

const self = process.argv[1];
const { CNI_COMMAND: command = '' } = process.env;
const stdin = readAll(0);
const config = stdin === '' ? {} : JSON.parse(stdin);
const startedAt = Date.now();
const log = (more) => appendFileSync(`${self}.log`, `${JSON.stringify(more)}\n`);

const control = readJson(`${self}.control.json`) ?? {};
const number = countOf(command);
const rule = control[command] ?? control['*'] ?? {};
// Beyond its count a rule is spent, and the plugin behaves.
const fault = rule.times !== undefined && number > rule.times ? { delegate: rule.delegate } : rule;

log({
  event: 'start',
  ...{ command, number, pid: process.pid, at: startedAt, stdin },
  stdinSha256: createHash('sha256').update(stdin).digest('hex'),
  env: Object.fromEntries(Object.entries(process.env)),
});

if (fault.grandchild) {
  // Holds our pipes, as a forgotten background process of a plugin does.
  const child = spawn('/bin/sleep', ['300'], { stdio: ['ignore', 'inherit', 'inherit'] });
  log({ event: 'grandchild', pid: child.pid });
}
let output = answer();
let exit = 0;
if (fault.delegate !== undefined) {
  // As if it were this process: killed with it.
  const words = ['--pdeathsig', 'KILL', '--', fault.delegate];
  const done = spawnSync('/usr/bin/setpriv', words, { input: stdin, env: process.env });
  output = done.stdout.toString();
  exit = done.status ?? 1;
}
if (fault.sleepMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fault.sleepMs);
if (fault.disappear) rmSync(self);
if (fault.stderr !== undefined) writeAll(2, fault.stderr);
if (fault.code !== undefined) {
  output = JSON.stringify({
    cniVersion: config.cniVersion,
    code: fault.code,
    msg: fault.msg ?? '',
    details: fault.details,
  });
  exit = 1;
}
if (fault.print !== undefined) output = fault.print;
if (fault.printBytes !== undefined) output = 'x'.repeat(fault.printBytes);
if (fault.exit !== undefined) exit = fault.exit;
writeAll(1, output);
log({ event: 'end', command, number, pid: process.pid, at: Date.now() });
if (fault.signal !== undefined) process.kill(process.pid, fault.signal);
// Not before the signal arrived.
if (fault.signal !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
process.exit(exit);

/** What a well-behaved plugin would say that makes nothing. */
function answer() {
  const cniVersion = config.cniVersion ?? '1.0.0';
  if (command === 'VERSION')
    return JSON.stringify({ cniVersion, supportedVersions: control.supportedVersions ?? [cniVersion] });
  if (command !== 'ADD') return '';
  const { CNI_IFNAME: name, CNI_NETNS: sandbox } = process.env;
  return JSON.stringify(config.prevResult ?? { cniVersion, interfaces: [{ name, sandbox }] });
}

/** Its pipe does not block, and whoever writes to it may be late. */
function readAll(fd) {
  const parts = [];
  for (;;) {
    const bytes = Buffer.alloc(65_536);
    try {
      const length = readSync(fd, bytes);
      if (length === 0) return Buffer.concat(parts).toString('utf8');
      parts.push(bytes.subarray(0, length));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function writeAll(fd, text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

/** Calls of this command so far, this one included. */
function countOf(name) {
  const counts = readJson(`${self}.counts.json`) ?? {};
  counts[name] = (counts[name] ?? 0) + 1;
  writeFileSync(`${self}.counts.json`, JSON.stringify(counts));
  return counts[name];
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
