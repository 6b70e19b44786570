/** What pods wait for until they are watched, where a right on podwire's own kinds is not there yet. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeAnswer, KubeClient } from '../../../adapters/kubernetes/client.ts';
import { definitionsPath } from '../../../adapters/kubernetes/definitions.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { DefinitionKind, DefinitionRef } from '../../../domain/cni/network-definition.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { Definitions } from '../../../watcher/definitions.ts';

/** Answers lists; a watch stays silent. */
class Api {
  readonly answers = new Map<string, Partial<KubeAnswer> | 'never' | 'away'>();
  readonly client: KubeClient = {
    call: async ({ path, signal }) => {
      const answer = this.answers.get(path) ?? listOf([]);
      if (answer === 'never') return await silence(signal);
      if (answer === 'away') throw new PodwireError('ApiUnavailable', 'away');
      return { status: 200, body: undefined, retryAfterMs: undefined, ...answer };
    },
    open: ({ signal }) => silence(signal),
    close: () => undefined,
  };
  say(kind: DefinitionKind, answer: Partial<KubeAnswer> | 'never' | 'away'): void {
    this.answers.set(definitionsPath(kind), answer);
  }
}

async function silence(signal: AbortSignal | undefined): Promise<never> {
  if (signal?.aborted === false) await once(signal, 'abort');
  throw new Error('given up');
}

const listOf = (items: readonly unknown[]): Partial<KubeAnswer> => ({
  body: { metadata: { resourceVersion: '7' }, items },
});
const FORBIDDEN = { status: 403, body: { message: 'networks.podwire.io is forbidden' } };

const running: Definitions[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

function start(api: Api) {
  const seen = { synced: 0, toldBefore: 0, changes: 0, told: [] as string[], objects: [] as string[] };
  const definitions = new Definitions({
    client: api.client,
    settings: DEFAULT_DIALECT_SETTINGS,
    observer: (kind) => ({
      ...{ event: () => undefined, relist: () => undefined, cacheMiss: () => undefined },
      failure: (message) => void seen.told.push(`${kind}: ${message}`),
      consumerError: (error) => assert.fail(String(error)),
    }),
    timings: { stallMs: 60_000, backOff: { minMs: 5, maxMs: 10 } },
    onChange: () => void (seen.changes += 1),
    onObject: ({ name }, isGone) => void seen.objects.push(`${name}${isGone ? ' gone' : ''}`),
    onSynced: () => {
      seen.synced += 1;
      seen.toldBefore = seen.told.length;
    },
  });
  running.push(definitions);
  definitions.start();
  return { definitions, seen };
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries += 1) {
    assert.ok(tries < 200, `not within a second: ${what.toString()}`);
    await sleep(5);
  }
}

const blue: DefinitionRef = { kind: 'cluster-network', namespace: '', name: 'blue' };

describe("podwire's own kinds, which older roles do not have", () => {
  it('do not keep pods from being watched, say that nothing is known, and are told of once, with what to apply', async () => {
    const api = new Api();
    api.say('network', FORBIDDEN);
    api.say('cluster-network', FORBIDDEN);
    const { definitions, seen } = start(api);
    await until(() => seen.synced === 1);
    assert.equal(definitions.lookup(blue), 'unreadable');
    assert.equal(definitions.lookup({ ...blue, kind: 'network', namespace: 'red' }), 'unreadable');
    assert.equal(definitions.lookup({ ...blue, kind: 'nad', namespace: 'red' }), 'absent');
    await sleep(100);
    assert.equal(seen.told.length, 2);
    for (const told of seen.told) assert.match(told, /403.*is forbidden; .*kubectl apply -k/);
    assert.match(definitions.notReady().join('\n'), /ClusterNetworks not listed yet .*403/);
  });

  it('have pods looked at again once they are listed, be there any or not', async () => {
    const api = new Api();
    api.say('network', FORBIDDEN);
    api.say('cluster-network', FORBIDDEN);
    const { definitions, seen } = start(api);
    await until(() => seen.synced === 1);
    assert.equal(seen.changes, 0);
    api.say('network', listOf([]));
    await until(() => seen.changes === 1);
    assert.equal(definitions.lookup({ ...blue, kind: 'network', namespace: 'red' }), 'absent');
    const object = (name: string) => ({ metadata: { uid: name, name, resourceVersion: '3' }, spec: { vni: 5 } });
    api.say('cluster-network', listOf([object('blue'), object('red')]));
    await until(() => seen.changes > 1);
    const found = definitions.lookup(blue);
    assert.equal(typeof found === 'string' ? found : found.uid, 'blue');
    await sleep(20);
    assert.equal(seen.changes, 2, 'once for a whole list');
    assert.deepEqual(seen.objects, ['blue', 'red'], 'their runs are told of each');
    assert.equal(seen.synced, 1);
    assert.deepEqual(definitions.notReady(), []);
  });

  it('are waited for while nobody has answered, so that a start finds pods as they are', async () => {
    const silent = new Api();
    silent.say('network', 'never');
    const { seen: ofSilent } = start(silent);
    const away = new Api();
    away.say('cluster-network', 'away');
    const { seen } = start(away);
    await until(() => seen.told.length > 5);
    assert.deepEqual([seen.synced, ofSilent.synced], [0, 0]);
    away.say('cluster-network', listOf([]));
    await until(() => seen.synced === 1);
    assert.equal(seen.changes, 0);
  });

  it('do not keep pods from being watched either when the API cannot list them', async () => {
    const api = new Api();
    api.say('network', { status: 500 });
    const { definitions, seen } = start(api);
    await until(() => seen.synced === 1);
    assert.equal(seen.toldBefore, 3, 'once may be chance');
    assert.equal(definitions.lookup({ ...blue, kind: 'network', namespace: 'red' }), 'unreadable');
    assert.ok(seen.told.every((told) => !told.includes('kubectl')));
  });
});

describe('the other kinds', () => {
  it('are waited for, and each refusal is told', async () => {
    const api = new Api();
    api.say('nad', FORBIDDEN);
    const { seen } = start(api);
    await until(() => seen.told.length > 2);
    assert.equal(seen.synced, 0);
    api.say('nad', listOf([]));
    await until(() => seen.synced === 1);
  });
});
