/** What the machine holds, as far as podwire's tests could leave something: compared before and after a run. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
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
  '/var/log/pods',
];
/** Made by Node's and tsx's own caches, and by whoever else uses the machine's temporary folder. */
const OURS_IN_TMP = /podwire|^pw/;

/**
 * @param otherLab tells whether a name is that of a lab which is not the tests': what it has and does is left out
 */
export async function machine(otherLab: (name: string) => boolean): Promise<Machine> {
  const things = [
    ...FOLDERS.flatMap((folder) => list(folder).map((name) => `file ${join(folder, name)}`)),
    ...list('/run/podwire-lab').map((name) => `file /run/podwire-lab/${name}`),
    ...list('/var/lib/podwire-lab').map((name) => `file /var/lib/podwire-lab/${name}`),
    ...list('/tmp')
      .filter((name) => OURS_IN_TMP.test(name))
      .map((name) => `file /tmp/${name}`),
    ...mounts().map((path) => `mount ${path}`),
    ...(await links()).map((name) => `link ${name}`),
    ...cgroups().map((path) => `cgroup ${path}`),
    ...processes(),
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

/** Processes that carry a lab's mark, or that run this repository's code for somebody other than this process. */
function processes(): string[] {
  const found: string[] = [];
  for (const pid of list('/proc').map(Number)) {
    if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
      const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const lab = env.find((entry) => entry.startsWith(`${LAB_MARK}=`))?.slice(LAB_MARK.length + 1);
      if (lab !== undefined) found.push(`process of lab ${lab} ${pid} ${command}`);
      else if (command.includes(join(ROOT, 'build/')) || command.includes('podwire-test-'))
        found.push(`process ${pid} ${command}`);
    } catch {
      // It ended between the listing and the look.
    }
  }
  return found;
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
