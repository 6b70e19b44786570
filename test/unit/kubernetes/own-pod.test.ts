import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeClient } from '../../../adapters/kubernetes/client.ts';
import { ownPod } from '../../../adapters/kubernetes/own-pod.ts';
import { podKeys } from '../../../adapters/kubernetes/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

const KEYS = podKeys(DEFAULT_DIALECT_SETTINGS);

test('the pod that a process runs in is the one of its host name in the namespace of its account; outside of a pod there is none', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-own-pod-'));
  try {
    const client: Pick<KubeClient, 'call'> = {
      call: async ({ path }) => {
        assert.equal(path, `/api/v1/namespaces/podwire-system/pods/${hostname()}`);
        const metadata = { namespace: 'podwire-system', name: hostname(), uid: 'u1' };
        return { status: 200, body: { metadata }, retryAfterMs: undefined };
      },
    };
    const file = join(dir, 'namespace');
    assert.equal(await ownPod(client as KubeClient, KEYS, file), undefined);
    writeFileSync(file, 'podwire-system\n');
    const { uid, namespace, name } = (await ownPod(client as KubeClient, KEYS, file)) ?? {};
    assert.deepEqual([uid, namespace, name], ['u1', 'podwire-system', hostname()]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
