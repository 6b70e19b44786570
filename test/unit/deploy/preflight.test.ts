/** What a machine lacks is said in one line each, which names it and says what to do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunResult } from '../../../adapters/process/child.ts';
import { missingDevices, preflightProblems, type Host } from '../../../deploy/lab/preflight.ts';

const GO = '/usr/local/go/bin/go';

const ended = (code: number, stderr = ''): RunResult => ({
  ...{ code, stderr, stdout: '', signal: undefined },
  ...{ timedOut: false, aborted: false, truncated: false, durationMs: 1 },
});

const host = (differs: Partial<Host> = {}): Host => ({
  platform: 'linux',
  uid: 0,
  isKubernetesNode: false,
  hasProgram: () => true,
  tryDevice: async () => ended(0),
  ...differs,
});

/** A kernel without some device types, which says so in iproute2's words. */
const kernelWithout =
  (...kinds: string[]): Host['tryDevice'] =>
  async (words) =>
    kinds.includes(words[words.indexOf('type') + 1] ?? '') ? ended(2, 'Error: Unknown device type.\n') : ended(0);

const never: Host['tryDevice'] = async () => assert.fail('a device was tried');

interface Case {
  readonly what: string;
  readonly host: Host;
  readonly binaries?: readonly string[];
  readonly go?: string;
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  {
    what: 'not being Linux',
    host: host({ platform: 'darwin', uid: 501, hasProgram: () => false, tryDevice: never }),
    binaries: ['kubelet'],
    says: /needs Linux.*this is darwin: run it on a Linux machine/,
  },
  {
    what: 'missing root',
    host: host({ uid: 1000, tryDevice: never }),
    says: /needs root.*run it as root or with sudo/,
  },
  {
    what: 'no Go and no binary',
    host: host({ tryDevice: never }),
    binaries: ['kubelet', 'temporal'],
    says: /Go is not installed, and kubelet, temporal must be built: install Go 1\.24 or newer, or put them into \/.*bin$/,
  },
  {
    what: 'a kernel without VXLAN',
    host: host({ tryDevice: kernelWithout('vxlan') }),
    says: /no vxlan devices \(.*Unknown device type.*modprobe vxlan/,
  },
  {
    what: 'a kernel without bridges',
    host: host({ tryDevice: kernelWithout('bridge') }),
    says: /no bridge devices \(.*modprobe bridge/,
  },
  {
    what: 'a kernel without veth pairs',
    host: host({ tryDevice: kernelWithout('veth') }),
    says: /no veth devices \(.*modprobe veth/,
  },
  {
    what: 'a container that may not make namespaces',
    host: host({ tryDevice: async () => ended(1, 'unshare: unshare failed: Operation not permitted\n') }),
    says: /namespaces cannot be made here.*CAP_SYS_ADMIN.*Operation not permitted/,
  },
  {
    what: 'being a node of a cluster already',
    host: host({ isKubernetesNode: true, tryDevice: never }),
    says: /Kubernetes node already.*use another machine/,
  },
  {
    what: 'no apt-get to install containerd with',
    host: host({ hasProgram: (name) => name === 'ip', tryDevice: never }),
    says: /no apt-get here, and containerd is missing: install /,
  },
];

describe('a machine that a lab cannot run on', () => {
  for (const { what, says, ...given } of CASES) {
    it(`is told of ${what} in one line that says what to do`, async () => {
      const problems = await preflightProblems(given.host, given.binaries ?? [], given.go);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', says);
      assert.doesNotMatch(problems[0] ?? '', /\n/);
    });
  }

  it('is told of everything that is missing at once', async () => {
    const problems = await preflightProblems(host({ uid: 1000, hasProgram: () => false }), ['kubelet'], undefined);
    assert.deepEqual(
      problems.map((line) => /root|Go|apt-get/.exec(line)?.[0]),
      ['root', 'Go', 'apt-get'],
    );
  });

  it('is told of each device type that the kernel lacks', async () => {
    const problems = await missingDevices(host({ tryDevice: kernelWithout('bridge', 'vxlan') }));
    assert.deepEqual(
      problems.map((line) => /no (\w+) devices/.exec(line)?.[1]),
      ['bridge', 'vxlan'],
    );
  });
});

describe('a machine that a lab can run on', () => {
  it('has nothing to complain about', async () => {
    assert.deepEqual(await preflightProblems(host(), [], undefined), []);
  });

  it('may lack binaries, when there is Go to build them with', async () => {
    assert.deepEqual(await preflightProblems(host(), ['kubelet'], GO), []);
  });

  it('may lack ip, which comes with the packages: devices are tried after those', async () => {
    const noIp = host({ hasProgram: (name) => name !== 'ip', tryDevice: never });
    assert.deepEqual(await preflightProblems(noIp, [], GO), []);
  });
});
