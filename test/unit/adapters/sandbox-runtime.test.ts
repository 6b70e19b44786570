import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CriClient } from '../../../adapters/cri/client.ts';
import { createSandboxRuntime } from '../../../adapters/cri/sandbox-runtime.ts';
import { DEFAULT_DIALECT_SETTINGS, type AskSettings } from '../../../domain/settings.ts';

interface Told {
  state?: string;
  pid?: number;
  netns?: string;
}

/** A container runtime that answers as containerd does, with what `told` holds at that moment: how often it is asked for what is to be seen. */
function fakeRuntime(told: Told): { cri: CriClient; asked: boolean[] } {
  const asked: boolean[] = [];
  const call: CriClient['call'] = async (_method, request) => {
    const { verbose, pod_sandbox_id: id } = request as { verbose: boolean; pod_sandbox_id: string };
    asked.push(verbose);
    if (told.state === undefined) return undefined;
    const namespaces = told.netns === undefined ? [] : [{ type: 'network', path: told.netns }];
    const info = JSON.stringify({ pid: told.pid, runtimeSpec: { linux: { namespaces } } });
    return {
      status: {
        ...{ id, state: told.state, created_at: '1' },
        metadata: { name: 'p', uid: 'u1', namespace: 'default' },
        network: { ip: '10.0.0.1', additional_ips: [] },
        linux: { namespaces: { options: { network: 'POD' } } },
      },
      info: verbose ? { info } : {},
    };
  };
  return { cri: { call, close: () => undefined }, asked };
}

test('a list tells whose pods asked for networks when their sandboxes were made, by what the settings make of labels and annotations', async () => {
  const sandbox = (id: string, labels: Record<string, string>, annotations: Record<string, string>) => ({
    ...{ id, state: 'SANDBOX_READY', created_at: '1', labels, annotations },
    metadata: { name: 'p', uid: id, namespace: 'default' },
  });
  const items = [
    sandbox('plain', { app: 'web' }, { 'kubernetes.io/config.source': 'api' }),
    sandbox('openvnf', { 'vxlan.openvnf.org': '' }, {}),
    sandbox('npwg', {}, { 'k8s.v1.cni.cncf.io/networks': 'a' }),
    sandbox('kaloom', {}, { networks: '[]' }),
  ];
  const cri: CriClient = { call: async () => ({ items }), close: () => undefined };
  const asking = async (settings: AskSettings) =>
    (await createSandboxRuntime(cri, settings).listReady()).filter(({ asks }) => asks).map(({ id }) => id);
  assert.deepEqual(await asking(DEFAULT_DIALECT_SETTINGS), ['openvnf', 'npwg']);
  const others = { selector: 'app', npwg: { enabled: false }, kaloom: { enabled: true } };
  assert.deepEqual(await asking(others), ['plain', 'kaloom']);
});

const where = async (runtime: ReturnType<typeof createSandboxRuntime>): Promise<unknown[]> => {
  const found = await runtime.describe('s1');
  return [found?.ready, found?.netnsPath, found?.pid];
};

test('where the netns of a Ready sandbox is, is asked for once, and whether it is Ready each time', async () => {
  const told: Told = { state: 'SANDBOX_READY', pid: 7, netns: '/run/netns/a' };
  const { cri, asked } = fakeRuntime(told);
  const runtime = createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS);
  assert.deepEqual(await where(runtime), [true, '/run/netns/a', 7]);
  assert.deepEqual(await where(runtime), [true, '/run/netns/a', 7]);
  told.state = 'SANDBOX_NOTREADY';
  assert.deepEqual((await where(runtime))[0], false);
  delete told.state;
  assert.equal(await runtime.describe('s1'), undefined);
  assert.deepEqual(asked, [true, false, false, true]);
});

test('a sandbox that was not Ready in between is asked for everything again', async () => {
  const told: Told = { state: 'SANDBOX_READY', pid: 7, netns: '/run/netns/a' };
  const runtime = createSandboxRuntime(fakeRuntime(told).cri, DEFAULT_DIALECT_SETTINGS);
  await runtime.describe('s1');
  told.state = 'SANDBOX_NOTREADY';
  await runtime.describe('s1');
  Object.assign(told, { state: 'SANDBOX_READY', pid: 8, netns: '/run/netns/b' });
  assert.deepEqual(await where(runtime), [true, '/run/netns/b', 8]);
});

test('what a sandbox that is being made does not have yet is asked for until it is there', async () => {
  const told: Told = { state: 'SANDBOX_READY' };
  const runtime = createSandboxRuntime(fakeRuntime(told).cri, DEFAULT_DIALECT_SETTINGS);
  assert.deepEqual(await where(runtime), [true, undefined, undefined]);
  Object.assign(told, { pid: 7, netns: '/run/netns/a' });
  assert.deepEqual(await where(runtime), [true, '/run/netns/a', 7]);
});
