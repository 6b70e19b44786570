/**
 * iproute2 through a pod's agent container. The exec call is a stand-in that runs the same program here or answers as an API server would
 * when it refuses, is old, or loses the container: none of which a real one does on demand.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createExecKernel } from '../../../adapters/iproute/exec-kernel.ts';
import type { ExecOptions, ExecResult, PodExec } from '../../../adapters/kubernetes/pod-exec.ts';
import { notStarted } from '../../../adapters/process/child.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { AgentTarget } from '../../../domain/ports/agent-kernel.ts';

type Answer = (argv: readonly string[], options: ExecOptions) => ExecResult | Promise<ExecResult>;

const ran = (code: number | undefined, stdout = '', stderr = ''): ExecResult => ({
  kind: 'ran',
  result: { ...notStarted(''), code, stdout, stderr },
});

function kernelOver(answer: Answer) {
  const calls: string[] = [];
  const exec: PodExec = {
    run: async (_target, argv, options) => {
      calls.push(argv.join(' '));
      return answer(argv, options);
    },
  };
  const kernel = createExecKernel(exec, 5_000);
  const target: AgentTarget = {
    ...{ namespace: 'ns', pod: 'p', container: 'agent' },
    verify: async () => undefined,
    signal: new AbortController().signal,
  };
  return { kernel, calls, place: target, netns: kernel.openAgent(target) };
}

const fails = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PodwireError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, text);
  return true;
};

describe('the kernel behind an agent container', () => {
  test('gets its lines only after the container was verified with the program waiting in it', async () => {
    const order: string[] = [];
    const { kernel, place: target } = kernelOver(async (_argv, { input, beforeInput }) => {
      await beforeInput?.();
      order.push(`input ${JSON.stringify(input)}`);
      return ran(0);
    });
    const netns = kernel.openAgent({
      ...target,
      verify: async () => {
        order.push('verified');
      },
    });
    await kernel.execute(netns, [{ op: 'set-up', name: 'green' }]);
    assert.deepEqual(order, ['verified', 'input "link set dev green up\\n"']);
  });

  test('gets nothing when another pod is there by then', async () => {
    const { kernel, place: target } = kernelOver(async (_argv, { beforeInput }) => {
      await beforeInput?.();
      return ran(0);
    });
    const refuse = { ...target, verify: () => Promise.reject(new PodwireError('SandboxGone', 'the pod is gone')) };
    await assert.rejects(
      kernel.execute(kernel.openAgent(refuse), [{ op: 'set-up', name: 'green' }]),
      fails('SandboxGone', /the pod is gone/),
    );
  });

  test('is served line by line by a server that cannot close standard input, with the same meaning', async () => {
    const { kernel, calls, netns } = kernelOver((argv) => {
      if (argv.includes('-batch')) return { kind: 'no-input' };
      return argv.includes('add') ? ran(2, '', 'RTNETLINK answers: File exists\n') : ran(0);
    });
    await kernel.execute(netns, [
      { op: 'add-address', name: 'green', cidr: '10.0.0.1/24' },
      { op: 'set-alias', name: 'green', alias: '' },
    ]);
    assert.deepEqual(calls, [
      'ip -d -j -batch -',
      'ip -d -j address add 10.0.0.1/24 dev green',
      // What is so already is done; it goes on behind it.
      'ip -d -j link set dev green alias ',
    ]);
    const change = { add: [{ mac: '00:00:00:00:00:00', destination: '10.0.0.7' }], remove: [] };
    await kernel.changeFdbs([{ netns, link: 'green', change }]);
    assert.equal(calls[3], 'bridge fdb append 00:00:00:00:00:00 dev green dst 10.0.0.7 self permanent');
  });

  test('says what a command that fails said', async () => {
    const said = 'RTNETLINK answers: Invalid argument\nCommand failed -:1\n';
    const { kernel, netns } = kernelOver(() => ran(1, '', said));
    await assert.rejects(
      kernel.execute(netns, [{ op: 'set-mtu', name: 'green', mtu: 1400 }]),
      fails('InvalidLink', /set-mtu green.*Invalid argument/),
    );
  });

  test('whose program never answers has an unknown outcome', async () => {
    const { kernel, netns } = kernelOver(() => ({
      kind: 'ran',
      result: { ...notStarted(''), timedOut: true, durationMs: 5_000 },
    }));
    await assert.rejects(kernel.execute(netns, [{ op: 'set-up', name: 'green' }]), fails('CommandTimedOut', /unknown/));
  });

  test('that is not reached for want of rights says which', async () => {
    const { kernel, netns } = kernelOver(() => ({
      kind: 'refused',
      status: 403,
      reason: 'Unexpected server response: 403',
    }));
    await assert.rejects(kernel.observe(netns), fails('ExecUnavailable', /create and get on pods\/exec/));
  });

  test('refuses router advertisements by the switch, else by nftables, else says why it cannot', async () => {
    const missing = 'OCI runtime exec failed: exec: "nft": executable file not found in $PATH';
    let nft = ran(0);
    const { kernel, calls, netns } = kernelOver((argv) =>
      argv[0] === 'nft' ? nft : ran(1, '', 'sysctl: permission denied on key "net.ipv6.conf.green.accept_ra"\n'),
    );
    assert.equal(await kernel.ignoreRouterAdvertisements(netns, 'green'), undefined);
    assert.deepEqual(
      calls.map((call) => call.split(' ', 1)[0]),
      ['sysctl', 'nft'],
    );
    nft = ran(undefined, '', missing);
    assert.match(
      (await kernel.ignoreRouterAdvertisements(netns, 'green')) ?? '',
      /permission denied.*nft: .*not found/,
    );
    nft = { kind: 'ran', result: { ...notStarted(''), timedOut: true } };
    await assert.rejects(kernel.ignoreRouterAdvertisements(netns, 'green'), fails('CommandTimedOut', /nft/));
  });

  test('of a container that ended meanwhile is looked at anew', async () => {
    const {
      kernel,
      netns,
      place: target,
    } = kernelOver(() => ran(undefined, '', 'unable to upgrade connection: container not found ("x")'));
    await assert.rejects(kernel.readFdb(netns, 'green'), fails('SandboxChanged', /has ended/));
    assert.deepEqual(await kernel.runInAgent(target, ['kill', '-TERM', '1']), { code: undefined, stderr: '' });
  });

  test('shows people what iproute2 prints, and nothing for a link that is not there', async () => {
    const { kernel, netns, calls } = kernelOver((argv) =>
      argv[0] === 'bridge' ? ran(0, 'some text\n') : ran(1, '', 'Device "green" does not exist.\n'),
    );
    assert.deepEqual(await kernel.print(netns, [{ about: 'fdb', link: 'green' }]), ['some text\n']);
    assert.deepEqual(await kernel.print(netns, [{ about: 'details', link: 'green' }]), [undefined]);
    assert.deepEqual(calls, ['bridge fdb show dev green', 'ip -d -force -batch -']);
    await assert.rejects(kernel.print(netns, [{ about: 'fdb', link: '-x' }]), fails('InvalidLink', /interface name/));
  });
});
