/** Who answers a call: podwire behind another network, or podwire as the network. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { byMode } from '../../../activities/primary/by-mode.ts';
import { CniAnswerError, type PodCni, type PodCniCall } from '../../../domain/cni-server/pod-cni.ts';

const NEVER = new AbortController().signal;
const leavePlace = (): void => undefined;
const COMMANDS = ['add', 'del', 'check', 'gc', 'status'] as const;

function parts() {
  const asked: string[] = [];
  const says = (name: string): PodCni => ({
    add: async (_, __, leave) => (leave(), asked.push(`${name} add`), {}),
    del: async (_, __, leave) => (leave(), void asked.push(`${name} del`)),
    check: async () => void asked.push(`${name} check`),
    gc: async () => void asked.push(`${name} gc`),
    status: async () => void asked.push(`${name} status`),
  });
  return { asked, chained: says('chained'), primary: says('primary') };
}

async function ask(podCni: PodCni, command: (typeof COMMANDS)[number], config: PodCniCall['config']): Promise<void> {
  const call: PodCniCall = {
    ...{ containerId: 'a', netns: '/run/netns/a', ifName: 'eth0', config },
    pod: { namespace: 'default', name: 'a', uid: undefined },
  };
  if (command === 'add') await podCni.add(call, NEVER, leavePlace);
  else if (command === 'gc') await podCni.gc(config, [], NEVER);
  else if (command === 'status') await podCni.status(config, NEVER);
  else await podCni[command](call, NEVER, leavePlace);
}

describe('a node worker with --primary', () => {
  it('does what each configuration says', async () => {
    const { asked, chained, primary } = parts();
    for (const command of COMMANDS) {
      await ask(byMode(chained, primary), command, { type: 'podwire-cni', mode: 'primary' });
      await ask(byMode(chained, primary), command, { type: 'podwire-cni' });
    }
    assert.deepEqual(
      asked,
      COMMANDS.flatMap((command) => [`primary ${command}`, `chained ${command}`]),
    );
  });
});

describe('a node worker without --primary', () => {
  const config = { type: 'podwire-cni', mode: 'primary' };

  it('makes no pod’s network, and says what is missing', async () => {
    const { asked, chained } = parts();
    for (const command of ['add', 'check', 'status'] as const)
      await assert.rejects(
        ask(byMode(chained, undefined), command, config),
        (error) => error instanceof CniAnswerError && error.code === 7 && /without --primary/.test(error.message),
      );
    assert.deepEqual(asked, []);
  });

  it('lets pods end whose network it made before, and the other networks of theirs go', async () => {
    const { asked, chained } = parts();
    for (const command of ['del', 'gc'] as const) await ask(byMode(chained, undefined), command, config);
    assert.deepEqual(asked, ['chained del', 'chained gc']);
  });
});
