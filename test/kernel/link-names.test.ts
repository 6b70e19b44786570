/** Names of links as read through a process of the namespace, on real namespaces. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { linkNamesOf } from '../../adapters/netns/link-names.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { createTestNetns, type TestNetns } from './namespace.ts';

const LONGEST_NAME = 'abcdefghijklmno';

describe('names of links, read through a process of the namespace', () => {
  let netns: TestNetns;
  let inhabitant: ChildProcess;
  let pid: number;
  before(async () => {
    netns = await createTestNetns();
    inhabitant = spawn('/usr/bin/nsenter', [`--net=${netns.path}`, '--', '/usr/bin/sleep', '60'], { stdio: 'ignore' });
    pid = inhabitant.pid ?? 0;
    const { inode } = await netns.identity();
    await waitFor('the process to be in the namespace', async () => isIn(pid, inode), { limitMs: 5_000, everyMs: 10 });
  });
  after(async () => {
    inhabitant.kill('SIGKILL');
    await once(inhabitant, 'exit');
    await netns.remove();
  });

  it('are those that are there, up or down, with names of any length', async () => {
    await netns.exec(['/usr/sbin/ip', 'link', 'add', LONGEST_NAME, 'type', 'bridge']);
    const names = linkNamesOf(pid, await netns.identity());
    assert.deepEqual([...(names ?? [])].sort(), [LONGEST_NAME, 'eth0', 'far0', 'lo']);
    await netns.exec(['/usr/sbin/ip', 'link', 'delete', LONGEST_NAME]);
    assert.equal(linkNamesOf(pid, await netns.identity())?.has(LONGEST_NAME), false);
  });

  it('are not known through a process of another namespace, or through none', async () => {
    const identity = await netns.identity();
    assert.equal(linkNamesOf(process.pid, identity), undefined);
    assert.equal(linkNamesOf(2 ** 22 + 1, identity), undefined);
  });
});

const isIn = (pid: number, inode: string): true | undefined =>
  readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]` ? true : undefined;
