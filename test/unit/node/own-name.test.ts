/** A kernel that is made up: before Linux 6.2 one refuses another name to a link that is up, which later ones cannot be made to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CniDeps } from '../../../activities/network/deps.ts';
import { renameLink } from '../../../activities/network/own-name.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { IdentifiedNetns, LinkCommand } from '../../../domain/ports/link-kernel.ts';
import { wiredLink } from '../sweep/some-node.ts';

const netns: IdentifiedNetns = {
  identity: { path: '/run/netns/a', inode: '1', ctimeNs: '1' },
  close: async () => undefined,
};

function oldKernel(up: boolean) {
  const done: string[] = [];
  let isUp = up;
  const execute = async (_netns: IdentifiedNetns, commands: readonly LinkCommand[]): Promise<undefined> => {
    for (const { op, name } of commands) {
      if (op === 'rename' && isUp) throw new PodwireError('KernelBusy', 'Device or resource busy');
      if (op === 'set-up' || op === 'set-down') isUp = op === 'set-up';
      done.push(`${op} ${name}`);
    }
  };
  return { done, deps: { kernel: { execute } } as unknown as CniDeps };
}

test('a link that is up goes down for its new name where the kernel wants that, and up again', async () => {
  const { done, deps } = oldKernel(true);
  await renameLink(deps, netns, wiredLink({ name: 'nic' }), 'net1');
  assert.deepEqual(done, ['set-down nic', 'rename nic', 'set-up net1']);
});

test('a link that is down stays down', async () => {
  const { done, deps } = oldKernel(false);
  await renameLink(deps, netns, wiredLink({ name: 'nic', up: false }), 'net1');
  assert.deepEqual(done, ['rename nic']);
});
