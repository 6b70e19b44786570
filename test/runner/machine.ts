/** What the machine holds, as far as podwire's tests could leave something: compared before and after a run. */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../deploy/lab/commands.ts';
import { LAB_MARK } from '../../deploy/lab/processes.ts';
import { ROOT } from './groups.ts';

export interface Machine {
  /** One line per thing. */
  readonly things: ReadonlySet<string>;
  /** Debian packages were installed when this changes. */
  readonly packagesChangedAt: number;
}

/** Cgroup hierarchies: one below /sys/fs/cgroup each (version 1), or /sys/fs/cgroup itself (version 2). */
const CGROUPS = '/sys/fs/cgroup';
const FOLDERS = [
  '/run',
  '/run/netns',
  '/run/containerd',
  '/var/lib',
  '/var/lib/cni',
  '/var/lib/kubelet',
  '/var/lib/containerd',
  '/var/log/pods',
  '/opt',
  '/etc/cni',
];
/** Made by Node's and tsx's own caches, and by whoever else uses the machine's temporary folder. */
const OURS_IN_TMP = /podwire|^pw/;
const OURS_IN_TMP_PATH = /\/tmp\/(podwire|pw)/;

/**
 * @param otherLab tells whether a name is that of a lab which is not the tests': what it has and does is left out
 */
export async function machine(otherLab: (name: string) => boolean): Promise<Machine> {
  const processes = seenProcesses();
  const elsewhere = processes.filter(belongsToAnotherRun);
  const things = [
    ...FOLDERS.flatMap((folder) => list(folder).map((name) => `file ${join(folder, name)}`)),
    ...list('/run/podwire-lab').map((name) => `file /run/podwire-lab/${name}`),
    ...list('/var/lib/podwire-lab').map((name) => `file /var/lib/podwire-lab/${name}`),
    ...list('/tmp')
      .filter((name) => OURS_IN_TMP.test(name) && mayBeOurs(join('/tmp', name)))
      .filter((name) => !elsewhere.some((seen) => seen.command.includes(`/tmp/${name}`)))
      .map((name) => `file /tmp/${name}`),
    ...mounts().map((path) => `mount ${path}`),
    ...(await links()).map((name) => `link ${name}`),
    ...cgroups().map((path) => `cgroup ${path}`),
    ...processes
      .filter((seen) => !elsewhere.includes(seen))
      .map(({ lab, pid, command }) => `process ${lab === undefined ? '' : `of lab ${lab} `}${pid} ${command}`),
  ];
  return {
    things: new Set(things.filter((thing) => !namesOtherLab(thing, otherLab))),
    packagesChangedAt: mtime('/var/lib/dpkg/status'),
  };
}

/** Things that are there now and were not before. Where packages were installed meanwhile, their folders are theirs. */
export function leftBehind(before: Machine, after: Machine): string[] {
  const installed = before.packagesChangedAt !== after.packagesChangedAt;
  return [...after.things].filter((thing) => {
    if (before.things.has(thing)) return false;
    return !(installed && /^file \/(run|var\/lib)\/[^/]+$/.test(thing) && !/podwire|kubelet|cni/.test(thing));
  });
}

/** `pw-NAME-n1` (namespaces), `podwire-lab/NAME` (folders), `podwire-lab-NAME` (cgroups), `lab NAME` (processes). */
function namesOtherLab(thing: string, otherLab: (name: string) => boolean): boolean {
  const name =
    /\/netns\/pw-([a-z0-9-]+)-(?:rack|control|n\d)$/.exec(thing)?.[1] ??
    /\/podwire-lab\/([a-z0-9-]+)/.exec(thing)?.[1] ??
    /podwire-lab-([a-z0-9-]+?)(?:\/|\.|$)/.exec(thing)?.[1] ??
    /^process of lab (\S+)/.exec(thing)?.[1];
  return name !== undefined && otherLab(name);
}

function mounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '');
}

async function links(): Promise<string[]> {
  const shown = JSON.parse(await must('ip', ['-j', 'link', 'show'])) as { ifname: string }[];
  return shown.map(({ ifname }) => ifname);
}

function cgroups(): string[] {
  const roots = [CGROUPS, ...list(CGROUPS).map((name) => join(CGROUPS, name))];
  return roots.flatMap((root) =>
    list(root)
      .filter((name) => name.startsWith('podwire'))
      .map((name) => join(root, name)),
  );
}

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  readonly lab: string | undefined;
}

/** Processes that carry a lab's mark, or that look like the tests' own. */
function seenProcesses(): Seen[] {
  return list('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1 && pid !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
        const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        const lab = env.find((entry) => entry.startsWith(`${LAB_MARK}=`))?.slice(LAB_MARK.length + 1);
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        const ours = command.includes(join(ROOT, 'build/')) || OURS_IN_TMP_PATH.test(command);
        return lab !== undefined || ours ? [{ pid, parent, command, lab }] : [];
      } catch {
        // It ended between the listing and the look.
        return [];
      }
    });
}

/** What our run leaves has lost its parent; a process whose parent lives belongs to another run of the tests. */
const belongsToAnotherRun = (seen: Seen): boolean =>
  seen.lab === undefined && seen.parent !== 1 && seen.parent !== process.pid;

/** Another user's is not ours, unless we are root, who may have become anybody; that user's processes would not show whose it is. */
function mayBeOurs(path: string): boolean {
  const user = process.getuid?.();
  return user === 0 || lstatSync(path, { throwIfNoEntry: false })?.uid === user;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function mtime(file: string): number {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}
